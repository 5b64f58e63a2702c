import type { GitHub } from "../model/workflow.ts";
import { type AskNeeds, asking } from "./ask.ts";
import type { Credentials } from "./credentials.ts";
import { dispatch } from "./dispatch.ts";
import { firstFile, hasCommit } from "./files.ts";

/** GitHub for one attempt of a run. `release` gives back the room that was kept for writes and not used. */
export type GitHubOfAttempt = { readonly github: GitHub; release(): void };

/** What a workflow may ask of GitHub, as these credentials see it. */
export function gitHubAs(credentials: Credentials, needs: AskNeeds): GitHubOfAttempt {
  const { ask, makeRoom, release } = asking(credentials, needs);
  return {
    github: {
      firstFile: (repository, paths, options = {}) => firstFile({ ask, makeRoom }, repository, paths, options),
      hasCommit: (repository, ref) => hasCommit(ask, repository, ref),
      dispatch: (repository, eventType, payload) => dispatch(ask, repository, eventType, payload),
    },
    release,
  };
}
