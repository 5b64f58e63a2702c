import type { GitHub, RequestOptions } from "../model/github.ts";
import { type AskNeeds, asking } from "./ask.ts";
import type { Credentials } from "./auth/credentials.ts";
import { dispatch } from "./dispatch.ts";
import { firstFile, hasCommit } from "./files.ts";
import { request } from "./request.ts";
import { runWorkflow } from "./run-workflow.ts";

/** GitHub for one attempt of a run. `release` gives back the room that was kept for writes and not used. */
export type GitHubOfAttempt = { readonly github: GitHub; release(): void };

export type ClientNeeds = AskNeeds & {
  /** `owner/name`: whose token a request uses that names no repository. */
  readonly targetRepo: string;
};

/** What a workflow may ask of GitHub, as these credentials see it. */
export function gitHubAs(credentials: Credentials, needs: ClientNeeds): GitHubOfAttempt {
  const { ask, makeRoom, lookAgain, release } = asking(credentials, needs);
  const reading = { ask, makeRoom, lookAgain };
  return {
    github: {
      request: (route: string, parameters = {}, options: RequestOptions = {}) =>
        request(ask, route, parameters, options, needs.targetRepo) as Promise<never>,
      readFile: async (repository, path, options = {}) => (await firstFile(reading, repository, [path], options))?.text,
      firstFile: (repository, paths, options = {}) => firstFile(reading, repository, paths, options),
      hasCommit: (repository, ref) => hasCommit(ask, repository, ref),
      dispatch: (repository, eventType, payload) => dispatch(ask, repository, eventType, payload),
      runWorkflow: (repository, workflow, options) => runWorkflow(ask, repository, workflow, options),
    },
    release,
  };
}
