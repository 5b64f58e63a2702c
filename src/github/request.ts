import { PermanentFailure } from "../model/failure.ts";
import type { GitHubAnswer, RequestOptions } from "../model/github.ts";
import { hasTooManyValues, MAX_VALUES } from "../model/json-values.ts";
import type { Answer } from "./answer.ts";
import type { Ask } from "./ask.ts";
import type { Attempted } from "./failures.ts";

const SUCCESS = Array.from({ length: 100 }, (_, at) => 200 + at);

/**
 * Any request, in the words of GitHub's documentation. Which permission it needs is not known here; GitHub's answer says
 * so when it is missing.
 * @param otherwise whose token is used when neither the parameters nor the options name a repository.
 */
export async function request(
  ask: Ask,
  route: string,
  parameters: Readonly<Record<string, unknown>>,
  { allow = [], repository, retry }: RequestOptions,
  otherwise: string,
): Promise<GitHubAnswer<unknown>> {
  const attempted = {
    tried: `asking GitHub for ${filledIn(route, parameters)}`,
    repository: repository ?? repositoryIn(parameters) ?? otherwise,
    permission: "",
  };
  if (!ROUTE.test(route)) {
    throw new PermanentFailure({
      tried: attempted.tried,
      happened: "this is no route",
      remedy: 'Write it as the documentation does: "GET /repos/{owner}/{repo}".',
    });
  }
  const answer = await ask(attempted, route, cleaned(parameters), [...SUCCESS, ...allow], { retry });
  return { status: answer.status, headers: textHeaders(answer), data: dataOf(answer, attempted) };
}

const ROUTE = /^(GET|HEAD|POST|PUT|PATCH|DELETE) \/\S*$/;

/** The host, the method and the token are not the workflow's to choose. */
function cleaned({ baseUrl, url, method, ...parameters }: Readonly<Record<string, unknown>>) {
  const given = Object.entries((parameters.headers ?? {}) as Record<string, unknown>);
  const headers = Object.fromEntries(given.filter(([name]) => name.toLowerCase() !== "authorization"));
  return { ...parameters, headers };
}

function repositoryIn({ owner, repo }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof owner === "string" && typeof repo === "string" ? `${owner}/${repo}` : undefined;
}

function filledIn(route: string, parameters: Readonly<Record<string, unknown>>): string {
  return route.replace(/\{\+?(\w+)\}/g, (all, name) =>
    parameters[name] === undefined ? all : String(parameters[name]),
  );
}

function textHeaders({ headers }: Answer): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : (value ?? "")]),
  );
}

function dataOf({ bytes, headers, status }: Answer, { tried }: Attempted): unknown {
  if (bytes.byteLength === 0) return undefined;
  const isJson = /\bjson\b/i.test(headers["content-type"] ?? "") && !/\braw\b/i.test(headers["content-type"] ?? "");
  if (isJson && hasTooManyValues(bytes)) {
    throw new PermanentFailure({
      tried,
      happened: `the answer holds more than ${MAX_VALUES} values, for which the service's heap has no room`,
      remedy: "Ask for less at once, such as with a smaller per_page, or give Node a larger heap.",
    });
  }
  const text = new TextDecoder().decode(bytes);
  if (!isJson) return text;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PermanentFailure({
      tried,
      happened: `GitHub answered ${status} with what is no JSON`,
      remedy: "This is not how GitHub answers: check GITHUB_API_URL and any proxy in between.",
      cause,
    });
  }
}
