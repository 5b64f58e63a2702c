import type { CommitStatus } from "../records.ts";
import type { Repository } from "../repository.ts";
import { type Call, failure, parseObject, type Reply, type World } from "./reply.ts";
import { userJson } from "./users.ts";

const STATES = ["error", "failure", "pending", "success"];

/** https://docs.github.com/en/rest/commits/statuses#create-a-commit-status */
const MAX_DESCRIPTION = 140;

export function createStatus(
  repository: Repository,
  call: Call,
  { base }: World,
  [sha = ""]: readonly string[],
): Reply {
  if (repository.commitOf(sha) !== sha) return failure(422, `No commit found for SHA: ${sha}`);
  const { state, context = "default", description = null, target_url = null } = parseObject(call.body) ?? {};
  if (!STATES.includes(String(state))) return failure(422, "Validation Failed: state is not included in the list");
  if (description !== null && String(description).length > MAX_DESCRIPTION) {
    return failure(422, `Validation Failed: description is too long (maximum is ${MAX_DESCRIPTION} characters)`);
  }
  const status: CommitStatus = {
    id: 1 + repository.statuses.length,
    sha,
    state: String(state),
    context: String(context),
    description: description === null ? null : String(description),
    targetUrl: target_url === null ? null : String(target_url),
  };
  repository.statuses.push(status);
  return {
    status: 201,
    json: {
      id: status.id,
      node_id: `SC_${status.id}`,
      url: `${base}/repos/${repository.fullName}/statuses/${sha}`,
      avatar_url: "https://avatars.githubusercontent.com/u/1",
      state: status.state,
      description: status.description,
      target_url: status.targetUrl,
      context: status.context,
      creator: userJson("octocat"),
      created_at: "2026-01-01T00:00:00Z",
      updated_at: "2026-01-01T00:00:00Z",
    },
  };
}
