import type { ActionsRuns } from "../model/actions-runs.ts";
import { PermanentFailure } from "../model/failure.ts";
import type { GitHubClient } from "../model/github.ts";
import type { GraphQLOptions, GraphQLVariables } from "../model/graphql.ts";
import type { GitHubAnswer, RequestOptions } from "../model/request.ts";
import type { OctokitNames } from "../model/rest.ts";
import { cancelRun } from "./actions/cancel.ts";
import { findRun } from "./actions/find.ts";
import { runLists } from "./actions/lists.ts";
import { showRun } from "./actions/show.ts";
import { sendEvent, startWorkflow } from "./actions/start.ts";
import { whyNothing } from "./actions/why-nothing.ts";
import { dataOf } from "./answer-data.ts";
import { artifactOf } from "./artifacts/artifact.ts";
import { type Ask, type Asker, asking, type GitHubHost } from "./ask.ts";
import { openPull } from "./changes/open-pull.ts";
import { writeFile } from "./changes/write-file.ts";
import { dispatch, runWorkflow } from "./dispatch.ts";
import { firstFile, hasCommit } from "./files.ts";
import { graphql } from "./graphql/graphql.ts";
import { octokitNames } from "./octokit-names/names.ts";
import { setCheck } from "./reports/check.ts";
import { setComment } from "./reports/comment.ts";
import { setDeployment } from "./reports/deployment.ts";
import { setStatus } from "./reports/status.ts";

/** GitHub for one attempt of a run. `release` gives back room that was kept for writes but not used. */
export type GitHubOfAttempt = {
  readonly github: GitHubClient;
  readonly actions: ActionsRuns;
  readonly octokitNames: OctokitNames;
  release(): void;
};

/** What a workflow can ask of GitHub with these credentials. */
export function gitHubFor(host: GitHubHost, asker: Asker): GitHubOfAttempt {
  const { release, ...asked } = asking(host, asker);
  const { ask } = asked;
  const { now, brief } = host;
  const yielding: Ask = (attempted, route, parameters, expected, options) =>
    ask(attempted, route, parameters, expected, { ...options, yields: true });
  const reporting = { ...asked, ask: yielding, brief };
  return {
    github: {
      request: (route: string, parameters = {}, options: RequestOptions = {}) =>
        request(ask, route, parameters, options, host.targetRepo) as Promise<never>,
      graphql: (query: string, variables?: GraphQLVariables, options?: GraphQLOptions, otherwise = host.targetRepo) =>
        graphql(
          ask,
          query,
          variables ?? {},
          { ...options, headers: withoutToken(options?.headers) },
          otherwise,
        ) as Promise<never>,
      readFile: async (repository, path, options = {}) => (await firstFile(asked, repository, [path], options))?.text,
      firstFile: (repository, paths, options = {}) => firstFile(asked, repository, paths, options),
      hasCommit: (repository, ref) => hasCommit(ask, repository, ref),
      dispatch: async (...event) => void (await dispatch(ask, ...event)),
      runWorkflow: async (...given) => (await runWorkflow(ask, ...given)).started,
      cancelRun: (repository, runId, { force = false } = {}) => cancelRun(ask, repository, runId, force),
      artifact: (...given) => artifactOf({ ...host, ask, fetch: host.outside }, ...given),
      writeFile: (...given) => writeFile({ ...asked, wait: host.wait }, ...given),
      openPull: (pull) => openPull(asked, pull),
      status: (status) => setStatus(reporting, status),
      check: (check) => setCheck(reporting, check),
      comment: (comment) => setComment(reporting, comment),
      deployment: (deployment) => setDeployment(reporting, deployment),
    },
    actions: {
      sendEvent: (...event) => sendEvent(ask, now, ...event),
      startWorkflow: (...given) => startWorkflow(ask, now, ...given),
      time: () => new Date(now()).toISOString(),
      find: (started) => findRun(runLists(ask), now, started),
      show: (...run) => showRun(ask, ...run),
      whyNothing: (...nothing) => whyNothing(ask, host.incidents, ...nothing),
    },
    octokitNames: octokitNames(host.apiUrl),
    release,
  };
}

const SUCCESS = Array.from({ length: 100 }, (_, at) => 200 + at);

/**
 * Sends any request, written as in GitHub's documentation. The required permission is not known here. GitHub's answer
 * names it if it is missing.
 * @param otherwise the repository for the token if the parameters and the options name none.
 */
async function request(
  ask: Ask,
  route: string,
  parameters: Readonly<Record<string, unknown>>,
  { allow = [], repository, retry }: RequestOptions,
  otherwise: string,
): Promise<GitHubAnswer<unknown>> {
  const { owner, repo } = parameters;
  const named = typeof owner === "string" && typeof repo === "string" ? `${owner}/${repo}` : undefined;
  const tried = `requesting ${filledIn(route, parameters)}`;
  const attempted = { tried, repository: repository ?? named ?? otherwise, permission: "" };
  if (!ROUTE.test(route)) {
    const remedy = 'Write it as the documentation does: "GET /repos/{owner}/{repo}".';
    throw new PermanentFailure({ tried: attempted.tried, happened: "this is not a route", remedy });
  }
  const answer = await ask(attempted, route, cleaned(parameters), [...SUCCESS, ...allow], {
    retry,
    allows: () => true,
  });
  const headers = Object.entries(answer.headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]);
  return { status: answer.status, headers: Object.fromEntries(headers), data: dataOf(answer, attempted) };
}

const ROUTE = /^(GET|HEAD|POST|PUT|PATCH|DELETE) \/\S*$/;

/** A workflow cannot choose the host, the method or the token. */
function cleaned({ baseUrl, url, method, ...parameters }: Readonly<Record<string, unknown>>) {
  return { ...parameters, headers: withoutToken(parameters.headers as Record<string, unknown> | undefined) };
}

function withoutToken<Value>(headers: Readonly<Record<string, Value>> = {}): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization"));
}

function filledIn(route: string, parameters: Readonly<Record<string, unknown>>): string {
  return route.replace(/\{\+?(\w+)\}/g, (all, name) =>
    parameters[name] === undefined ? all : String(parameters[name]),
  );
}
