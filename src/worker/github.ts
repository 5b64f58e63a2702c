import type { ActionsRuns } from "../model/actions-runs.ts";
import type { Claim } from "../model/claim.ts";
import type { GitHub, GitHubClient } from "../model/github.ts";
import type { Attempting } from "./attempting.ts";
import { type FollowingParts, followingOf } from "./following.ts";
import type { Keeping } from "./kept.ts";
import { type OnceParts, onceOf } from "./once.ts";

export type GitHubParts = OnceParts & FollowingParts & { readonly github: GitHubClient; readonly actions: ActionsRuns };

/** GitHub as a workflow is given it: until the attempt is over, and with what is remembered and waited for. */
export function gitHubOf(claim: Claim, parts: GitHubParts): GitHub {
  const client = until(parts.attempting, parts.github, parts.keeping);
  const once = onceOf(claim, parts);
  return {
    ...client,
    ...followingOf(claim, parts),
    dispatch: ((repository, eventType, payload, options) =>
      options === undefined
        ? client.dispatch(repository, eventType, payload)
        : once.dispatch(repository, eventType, payload, options)) as GitHub["dispatch"],
    runWorkflow: ((repository, workflow, options) =>
      "once" in options
        ? once.runWorkflow(repository, workflow, options as Parameters<typeof once.runWorkflow>[2])
        : client.runWorkflow(repository, workflow, options)) as GitHub["runWorkflow"],
  };
}

/** Enough of a call to find it by. */
const MAX_SHOWN = 100;

/** GitHub until the attempt is over. */
function until(attempting: Attempting, github: GitHubClient, { brief }: Pick<Keeping, "brief">): GitHubClient {
  const methods = Object.entries(github as Record<string, (...given: unknown[]) => Promise<unknown>>);
  return Object.fromEntries(
    methods.map(([name, method]) => [
      name,
      (...given: unknown[]) => {
        const call = async () => {
          attempting.begin(`github.${name}`);
          return method(...given);
        };
        const about = typeof given[0] === "string" ? ` ${brief(given[0], MAX_SHOWN)}` : "";
        return attempting.calls.follow(`github.${name}${about}`, call());
      },
    ]),
  ) as GitHubClient;
}
