import type { ActionsRuns } from "../model/actions-runs.ts";
import type { FollowedRun } from "../model/github.ts";
import type { UnsentWrite } from "../model/network.ts";
import type { Answer } from "./answer.ts";
import { askedIn, GRAPHQL_ROUTE, heldBack, isQuery } from "./graphql/request.ts";
import type { GitHubHttp, Send } from "./http.ts";

/**
 * Sends only reads. Shows every write instead and answers it as if GitHub had accepted it, so that the workflow
 * continues. The token is requested before that. For an App this proves that it can get one.
 */
export function dryRunOf(
  { send, requestFor }: Pick<GitHubHttp, "send" | "requestFor">,
  { apiUrl, identity }: { readonly apiUrl: string; readonly identity?: string | undefined },
  show: (write: UnsentWrite) => void,
): Send {
  const { origin } = new URL(apiUrl);
  const graphQL = requestFor(GRAPHQL_ROUTE, {});
  return async (route, parameters, token, begin, note) => {
    const { method, path, headers, body } = requestFor(route, parameters);
    // Check the final body: the parameter `data` replaces all others in it.
    const asked = method === graphQL.method && path === graphQL.path ? askedIn(body) : undefined;
    const isRead = method === "GET" || method === "HEAD" || (asked !== undefined && isQuery(asked));
    if (isRead) return send(route, parameters, token, begin, note);
    note?.({ method, path, body }, true);
    const all = Object.entries({ ...headers, authorization: "Bearer ***" }).sort(([a], [b]) => (a < b ? -1 : 1));
    const write = { method, url: origin + path, headers: Object.fromEntries(all), body };
    show(identity === undefined ? write : { ...write, identity });
    return asked === undefined ? asIfTaken(method, path) : answerWith(200, { data: heldBack(asked) });
  };
}

function asIfTaken(method: string, path: string): Answer {
  const isEmpty = method === "DELETE" || path.endsWith("/dispatches");
  const isCancel = /\/(?:force-)?cancel$/.test(path);
  return answerWith(isEmpty ? 204 : isCancel ? 202 : method === "POST" ? 201 : 200, isEmpty ? undefined : STAND_IN);
}

function answerWith(status: number, json: object | undefined): Answer {
  return {
    status,
    headers: json === undefined ? {} : { "content-type": "application/json; charset=utf-8" },
    bytes: new TextEncoder().encode(json === undefined ? "" : JSON.stringify(json)),
    message: "",
    documentationUrl: "",
    facts: [],
  };
}

/** Enough to name the unmade thing in the next request. All other fields are undefined. */
const STAND_IN = { id: 0, number: 0 };

/**
 * The Actions runs of a dry run. A run that was not really started looks as if it had succeeded, so that the following
 * steps are shown too. Real runs are shown unchanged.
 */
export function dryActions(actions: ActionsRuns): ActionsRuns {
  // GitHub's ids have been longer for years.
  const runId = 1;
  const pageOf = (repository: string) => `https://github.com/${repository}/actions`;
  return {
    ...actions,
    async find(started) {
      const { repository, since: createdAt } = started;
      const found = await actions.find(started);
      return found ?? { repository, runId, htmlUrl: pageOf(repository), foundBy: "key", createdAt };
    },
    async show(repository, id) {
      if (id !== runId) return actions.show(repository, id);
      const [htmlUrl, at] = [pageOf(repository), actions.time()];
      const ended: FollowedRun = {
        ...{ id, htmlUrl, conclusion: "success", attempt: 1 },
        ...{ createdAt: at, startedAt: at, endedAt: at, jobs: [] },
      };
      return { status: "completed", htmlUrl, attempt: 1, ended };
    },
  };
}
