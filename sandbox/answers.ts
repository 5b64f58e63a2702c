import type { Endpoints } from "@octokit/types";
import { routeLabel } from "../src/github/route-label.ts";
import type { DataOf } from "../src/model/request.ts";
import { type Call, decoded, type Reply } from "./routes/reply.ts";

/**
 * GitHub's answers by route, as its documentation writes the route: an answer, or a function that is called for each
 * request. These answers take precedence over those of the stand-in. The stand-in's faults and limits come first. A
 * route can also be a path, such as `GET /repos/acme/shop/labels`. A path takes precedence over a route with
 * parameters. If a function returns undefined, the next key that matches the request answers, and last the stand-in.
 */
export type Answers<Routes extends string = string> = {
  readonly [Route in Routes]: string extends Route
    ? // biome-ignore lint/suspicious/noExplicitAny: an object with any routes, whose functions say what they take.
      Given<any>
    : Route extends keyof Endpoints | "POST /graphql" | `${Method} /${string}`
      ? Given<Route>
      : "A route is a method and a path: GET /repos/{owner}/{repo}";
};

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD";

type Given<Route extends string> =
  | Answer<Route>
  | ((request: AskedRequest<Route>) => Answer<Route> | undefined | Promise<Answer<Route> | undefined>);

export type Answer<Route extends string = string> = {
  /** By default 201 for POST (200 for GraphQL), 204 for a DELETE without a body, and 200 otherwise. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
} & (Route extends "POST /graphql"
  ? GraphqlAnswer
  : {
      /**
       * GitHub's answer, or the part of it that the workflow reads. `{}` by default. It is sent as JSON. Bytes are sent
       * unchanged, and so is text with a `content-type` that is not JSON.
       */
      readonly body?: Partly<DataOf<Route>> | Uint8Array | string;
      /**
       * A list, page by page. Each answer has the page that the request asks for, and `link` headers to the others.
       * Pages longer than `per_page` are split: `[all]` is a list that GitHub pages.
       */
      readonly pages?: readonly (readonly Partly<ItemOf<DataOf<Route>>>[])[];
      /**
       * The property of the body that contains the list, if GitHub wraps it: "workflow_runs". `total_count` is added.
       */
      readonly list?: ListOf<DataOf<Route>>;
    });

type GraphqlAnswer =
  | { readonly data: unknown; readonly errors?: readonly GraphqlError[] }
  | { readonly errors: readonly GraphqlError[] }
  | { readonly body: unknown };

/** GitHub's `type` is NOT_FOUND, RATE_LIMITED, FORBIDDEN, … */
type GraphqlError = { readonly message: string; readonly type?: string; readonly path?: readonly (string | number)[] };

export type AskedRequest<Route extends string = string> = {
  readonly method: string;
  /** Decoded, without the query: "/repos/acme/shop/issues/7". */
  readonly path: string;
  /** The key of the answer. */
  readonly route: Route;
  /** From the path. Parameters that end in `_number` or `_id` are numbers if they are written as numbers. */
  readonly parameters: ParametersOf<Route>;
  readonly query: Readonly<Record<string, string>>;
  /** Parsed JSON. Text if it is not JSON, undefined if there is none. */
  readonly body: BodyOf<Route>;
  /** In lower case, without the token. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Counts the requests with this key, from 1. */
  readonly count: number;
};

/** Any part of it, at any depth. */
type Partly<T> = unknown extends T
  ? unknown
  : T extends readonly (infer Item)[]
    ? readonly Partly<Item>[]
    : T extends object
      ? { readonly [Name in keyof T]?: Partly<T[Name]> }
      : T;

type ItemOf<Data> = Data extends readonly (infer Item)[] ? Item : unknown;

type ListOf<Data> = unknown extends Data
  ? string
  : Data extends readonly unknown[]
    ? never
    : { [Name in keyof Data]: Data[Name] extends readonly unknown[] ? Name : never }[keyof Data] & string;

type NamesIn<Path> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;

type ParametersOf<Route extends string> = string extends Route
  ? Readonly<Record<string, string | number>>
  : { readonly [Name in NamesIn<Route>]: ParameterOf<Route, Name> };

type ParameterOf<Route, Name> = Route extends keyof Endpoints
  ? Name extends keyof Endpoints[Route]["parameters"]
    ? Exclude<Endpoints[Route]["parameters"][Name], undefined>
    : string
  : string | number;

// biome-ignore lint/suspicious/noExplicitAny: the body of the workflow's request is not known here.
type BodyOf<Route> = Route extends "POST /graphql" ? { query: string; variables: Record<string, any> } : any;

type Entry = {
  readonly route: string;
  readonly pattern: RegExp;
  readonly given: Given<string>;
  /** Paths without parameters come first. */
  readonly parameters: number;
  count: number;
};

/** The answers of a test, and the errors that its functions threw. */
export function answerBook(base: () => string) {
  let entries: Entry[] = [];
  const failures: Error[] = [];

  return {
    failures,
    /** Adds answers. An answer for the same route replaces the previous one. */
    add(answers: Answers): void {
      const problems = Object.keys(answers).flatMap((route) => problemOf(route) ?? []);
      if (problems.length > 0) throw new TypeError(problems.join("\n"));
      const kept = entries.filter(({ route }) => !(route in answers));
      const added = Object.entries(answers).map(([route, given]) => entryOf(route, given as Given<string>));
      entries = [...kept, ...added].sort((a, b) => a.parameters - b.parameters);
    },
    /** The key that answers such a request. Undefined if the test has no answer for it. */
    routeOf: (method: string, path: string): string | undefined => matching(method, path)[0]?.route,
    /** The answer of the first key that has one for this request. Undefined if the stand-in should answer. */
    async answer(call: Call): Promise<Reply | undefined> {
      for (const entry of matching(call.method, call.path)) {
        try {
          const { given, route } = entry;
          const answer = typeof given === "function" ? await given(requestOf(entry, call)) : given;
          if (answer !== undefined) return replyOf(route, answer, call, base());
        } catch (cause) {
          const failure = new Error(`The answer to ${entry.route} failed: ${(cause as Error).message}`, { cause });
          failures.push(failure);
          return { status: 400, json: { message: failure.message } };
        }
      }
      return undefined;
    },
  };

  function matching(method: string, path: string): readonly Entry[] {
    return entries.filter(({ pattern }) => pattern.test(`${method} ${path}`));
  }
}

const GRAPHQL = "POST /graphql";

const ROUTE = /^(?:GET|POST|PUT|PATCH|DELETE|HEAD) \/\S*$/;

function problemOf(route: string): string | undefined {
  const what = `answers has the key "${route}"`;
  const like = `Write it as GitHub's documentation does: "GET /repos/{owner}/{repo}".`;
  if (route === GRAPHQL) return undefined;
  if (!ROUTE.test(route)) return `${what}, which is not a route: a method, a space, and a path. ${like}`;
  if (/\/:\w/.test(route)) return `${what}. Write parameters in braces. ${like}`;
  if (/[?#]/.test(route)) return `${what}. A route has no query; a function finds it in request.query.`;
  const segments = route
    .replace(/\/repos\/[^/]+\/[^/]+/, "/repos/{owner}/{repo}")
    .split("/")
    .slice(1);
  // After a parameter, GitHub has a word. Elsewhere, a word that GitHub does not know may be the value of a parameter.
  const unknown = segments.find(
    (each, at) => (segments[at - 1] ?? "{").startsWith("{") && routeLabel(`GET /${each}`) === "GET /*",
  );
  return unknown && `${what}, which is not a route of GitHub: its API does not know "${unknown}".`;
}

function entryOf(route: string, given: Given<string>): Entry {
  const parameters = route.match(/\{[^}]+\}/g) ?? [];
  const pattern = route
    .replace(/[.*+?^$()|[\]\\]/g, "\\$&")
    .replaceAll(/\{\\?\+?(\w+)\}/g, (_, name: string) => `(?<${name}>${ANY_DEPTH.includes(name) ? ".+" : "[^/]+"})`);
  return { route, pattern: new RegExp(`^${pattern}$`), given, parameters: parameters.length, count: 0 };
}

/** Parameters that may contain slashes. */
const ANY_DEPTH = ["path", "ref", "basehead", "base", "head", "branch", "tag", "name"];

function requestOf(entry: Entry, call: Call): AskedRequest {
  const { method, path, query, headers, body } = call;
  const found = entry.pattern.exec(`${method} ${path}`)?.groups ?? {};
  const { authorization: _, ...shown } = headers;
  return {
    method,
    path: decoded(path),
    route: entry.route,
    parameters: Object.fromEntries(
      Object.entries(found).map(([name, text]) => [name, parameterOf(name, decoded(text))]),
    ),
    query: Object.fromEntries(query),
    body: parsed(body),
    headers: shown,
    count: ++entry.count,
  };
}

const parameterOf = (name: string, text: string) =>
  /_(?:number|id)$/.test(name) && /^\d{1,15}$/.test(text) ? Number(text) : text;

function parsed(body: string): unknown {
  if (body === "") return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

const FIELDS = ["status", "headers", "body", "pages", "list", "data", "errors"];

type AnyAnswer = Answer & { readonly data?: unknown; readonly errors?: unknown };

/** Statuses without a body in HTTP. */
const BODILESS = [204, 205, 304];

function replyOf(route: string, answer: AnyAnswer, call: Call, base: string): Reply {
  const isObject = typeof answer === "object" && answer !== null && !Array.isArray(answer);
  const other = isObject ? Object.keys(answer).filter((name) => !FIELDS.includes(name)) : ["that is no object"];
  if (other.length > 0) {
    throw new TypeError(
      `An answer is { status, headers, body } or { pages }, but this has ${other.join(", ")}. What GitHub answers goes into body.`,
    );
  }
  const isGraphql = route === GRAPHQL;
  const { headers = {}, pages, list, data, errors } = answer;
  const usual = call.method === "DELETE" && answer.body === undefined ? 204 : call.method === "POST" ? 201 : 200;
  const status = answer.status ?? (isGraphql ? 200 : usual);
  if (BODILESS.includes(status)) return { status, headers };
  if (pages) return pageReply({ pages, list, status, headers, body: answer.body }, call, base);
  const body =
    answer.body ?? (isGraphql ? { ...(data === undefined ? {} : { data }), ...(errors ? { errors } : {}) } : {});
  const type = Object.entries(headers).find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "";
  if (body instanceof Uint8Array) {
    return {
      status,
      headers: { ...(type ? {} : { "content-type": "application/octet-stream" }), ...headers },
      raw: Buffer.from(body),
    };
  }
  if (typeof body === "string" && type !== "" && !type.includes("json"))
    return { status, headers, raw: Buffer.from(body) };
  return { status, headers, json: body };
}

type Paged = {
  readonly body: unknown;
  readonly list: string | undefined;
  readonly pages: readonly (readonly unknown[])[];
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
};

const DEFAULT_PER_PAGE = 30;

/** @see https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api */
function pageReply({ pages, list, status, headers, body }: Paged, { path, query }: Call, base: string): Reply {
  const perPage = Math.min(Number(query.get("per_page")) || DEFAULT_PER_PAGE, 100);
  const items = pages.flat();
  const cut = pages.some((page) => page.length > perPage)
    ? Array.from({ length: Math.ceil(items.length / perPage) }, (_, at) =>
        items.slice(at * perPage, (at + 1) * perPage),
      )
    : pages;
  const page = Math.max(1, Number(query.get("page")) || 1);
  const last = Math.max(1, cut.length);
  const to = (name: string, number: number) =>
    `<${base}${path}?${new URLSearchParams({ ...Object.fromEntries(query), page: String(number) })}>; rel="${name}"`;
  const links = [
    ...(page > 1 ? [to("prev", Math.min(page - 1, last)), to("first", 1)] : []),
    ...(page < last ? [to("next", page + 1), to("last", last)] : []),
  ];
  const shown = cut[page - 1] ?? [];
  const json = list === undefined ? shown : { total_count: items.length, ...(body as object), [list]: shown };
  return { status, headers: { ...(links.length > 0 ? { link: links.join(", ") } : {}), ...headers }, json };
}
