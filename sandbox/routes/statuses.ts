import type { CommitStatus } from "../records.ts";
import type { Repository } from "../repository.ts";
import { commitJson } from "./commits.ts";
import {
  failure,
  listed,
  notFound,
  parseObject,
  type RepositoryHandler,
  timeOf,
  userJson,
  type World,
} from "./reply.ts";
import { repositoryJson } from "./repositories.ts";

const STATES = ["error", "failure", "pending", "success"];

/** https://docs.github.com/en/rest/commits/statuses#create-a-commit-status */
const MAX_DESCRIPTION = 140;
const MAX_OF_CONTEXT = 1000;

export const createStatus: RepositoryHandler = (repository, call, world, [sha = ""]) => {
  if (repository.commitOf(sha) !== sha) return failure(422, `No commit found for SHA: ${sha}`);
  const { state, context = "default", description = null, target_url = null } = parseObject(call.body) ?? {};
  if (!STATES.includes(String(state))) return failure(422, "Validation Failed: state is not included in the list");
  if (description !== null && String(description).length > MAX_DESCRIPTION) {
    return failure(422, `Validation Failed: description is too long (maximum is ${MAX_DESCRIPTION} characters)`);
  }
  if (target_url !== null && !/^https?:\/\//.test(String(target_url))) {
    return failure(422, "Validation Failed: target_url must use http(s) scheme");
  }
  if (ofCommit(repository, sha).filter((each) => each.context === context).length >= MAX_OF_CONTEXT) {
    return failure(422, "Validation Failed: This SHA and context has reached the maximum number of statuses.");
  }
  const status: CommitStatus = {
    id: 1 + repository.statuses.length,
    sha,
    state: String(state),
    context: String(context),
    description: description === null ? null : String(description),
    targetUrl: target_url === null ? null : String(target_url),
    createdAt: world.now(),
  };
  repository.statuses.push(status);
  emitStatus(repository, world, status);
  return { status: 201, json: { ...statusJson(repository, world, status), creator: userJson("octocat") } };
};

/** https://docs.github.com/en/webhooks/webhook-events-and-payloads#status */
function emitStatus(repository: Repository, world: World, status: CommitStatus): void {
  const { id, sha, state, context, description, targetUrl: target_url, createdAt } = status;
  world.emit(repository, "status", () => ({
    ...{ id, sha, name: repository.fullName, target_url, context, description, state, branches: [] },
    avatar_url: "https://avatars.githubusercontent.com/u/1",
    commit: commitJson(repository, world.base, sha, sha),
    ...{ created_at: timeOf(createdAt), updated_at: timeOf(createdAt) },
    repository: repositoryJson(repository, world.base),
    sender: userJson("octocat"),
  }));
}

/** Newest first. */
const ofCommit = ({ statuses }: Repository, sha: string) => statuses.filter((each) => each.sha === sha).reverse();

export const listStatuses: RepositoryHandler = (repository, call, world, [ref = ""]) => {
  const sha = repository.commitOf(ref);
  if (!sha) return notFound;
  return listed(ofCommit(repository, sha), call, world, (each) => ({
    ...statusJson(repository, world, each),
    creator: userJson("octocat"),
  }));
};

/** The newest status of each context, and their combined state. */
export const showCombinedStatus: RepositoryHandler = (repository, _call, world, [ref = ""]) => {
  const sha = repository.commitOf(ref);
  if (!sha) return notFound;
  const newest = newestStatuses(repository, sha);
  const states = newest.map(({ state }) => state);
  const isBad = states.some((state) => state === "error" || state === "failure");
  const isGood = states.length > 0 && states.every((state) => state === "success");
  const url = `${world.base}/repos/${repository.fullName}/commits/${sha}`;
  const json = {
    state: isBad ? "failure" : isGood ? "success" : "pending",
    statuses: newest.map((each) => statusJson(repository, world, each)),
    sha,
    total_count: newest.length,
    repository: repositoryJson(repository, world.base),
    commit_url: url,
    url: `${url}/status`,
  };
  return { status: 200, json };
};

/** The newest status of each context of a commit. */
export function newestStatuses(repository: Repository, sha: string): readonly CommitStatus[] {
  return [...Map.groupBy(ofCommit(repository, sha), ({ context }) => context).values()].flatMap(
    ([first]) => first ?? [],
  );
}

function statusJson(repository: Repository, { base }: World, { sha, targetUrl, createdAt, ...shown }: CommitStatus) {
  return {
    ...shown,
    node_id: `SC_${shown.id}`,
    url: `${base}/repos/${repository.fullName}/statuses/${sha}`,
    avatar_url: "https://avatars.githubusercontent.com/u/1",
    target_url: targetUrl,
    created_at: timeOf(createdAt),
    updated_at: timeOf(createdAt),
  };
}
