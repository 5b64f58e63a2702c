import type { StandInActions } from "../actions/runner.ts";
import type { credentialBook, TokenGrant } from "../credentials.ts";
import type { Hooks } from "../hooks.ts";
import type { Repository, repositoryShelf } from "../repository.ts";
import type { Organization } from "./people.ts";

/** The permissions that GitHub requires for an issue or a pull request. One of the two is enough. */
export const ISSUES_READ = "issues=read; pull_requests=read";
export const ISSUES_WRITE = "issues=write; pull_requests=write";

/** An answer before it is written. JSON unless `raw` is set. */
export type Reply = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly raw?: Buffer;
};

export type Call = {
  readonly method: string;
  /** Without the base path, percent-encoded as received. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  readonly token: string;
};

/** What handlers may read and change. */
export type World = {
  readonly base: string;
  readonly credentials: ReturnType<typeof credentialBook>;
  readonly repositories: ReturnType<typeof repositoryShelf>;
  readonly hooks: Hooks;
  /** By login in lower case. */
  readonly organizations: ReadonlyMap<string, Organization>;
  /** What is left of a token's primary limit, `reset` in epoch seconds. Undefined without a limit. */
  quota(token: string): { limit: number; remaining: number; used: number; reset: number } | undefined;
  readonly actions: StandInActions;
  /** Epoch milliseconds. */
  now(): number;
  /** Sends an event to the webhooks that listen to it. Now, if there is no time. */
  emit(repository: Repository, event: string, payload: () => Readonly<Record<string, unknown>>, at?: number): void;
  accept(repository: Repository, eventType: string, payload: Record<string, unknown>, token: string): void;
};

/** `parameters` are the decoded parts of the path, in the order of the template. */
export type Handler = (call: Call, world: World, parameters: readonly string[]) => Reply;

/** The same for a route below a repository, whose name is not among the parameters. */
export type RepositoryHandler = (
  repository: Repository,
  call: Call,
  world: World,
  parameters: readonly string[],
) => Reply;

type Level = "read" | "write";
export type PermissionName = Exclude<keyof NonNullable<TokenGrant["permissions"]>, "metadata">;

/** If one of several permissions is enough, written as GitHub does: `issues=write; pull_requests=write`. */
export type Permission = "metadata=read" | `${PermissionName}=${Level}` | `issues=${Level}; pull_requests=${Level}`;

/** Method and path below `/repos/{owner}/{repo}`, the required permission, and the handler. */
export type RepositoryRoute = readonly [string, Permission, RepositoryHandler];

export const DOCS = "https://docs.github.com/rest";

export const notFound: Reply = failure(404, "Not Found");

export const badCredentials: Reply = failure(401, "Bad credentials");

export const suspended: Reply = failure(403, "This installation has been suspended");

export function failure(status: number, message: string): Reply {
  return { status, json: { message, documentation_url: DOCS, status: String(status) } };
}

const DEFAULT_PER_PAGE = 30;
const MAX_PER_PAGE = 100;

/**
 * The page of a list that a call asks for, and the headers that name the next page.
 * @see https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
 */
export function pageOf<T>(all: readonly T[], { path, query }: Call, { base }: World) {
  const perPage = Math.min(Number(query.get("per_page")) || DEFAULT_PER_PAGE, MAX_PER_PAGE);
  const page = Math.max(1, Number(query.get("page")) || 1);
  const isLast = page * perPage >= all.length;
  const next = new URLSearchParams({ ...Object.fromEntries(query), page: String(page + 1) });
  return {
    items: all.slice((page - 1) * perPage, page * perPage),
    headers: isLast ? {} : { link: `<${base}${path}?${next}>; rel="next"` },
  };
}

/** That page as an answer. */
export function listed<T>(all: readonly T[], call: Call, world: World, json: (item: T) => unknown): Reply {
  const { items, headers } = pageOf(all, call, world);
  return { status: 200, headers, json: items.map(json) };
}

/** A JSON object. Undefined if the text is not one. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** A percent sign that does not begin an escape stands for itself. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A time as GitHub writes it: whole seconds. */
export const timeOf = (epochMs: number): string => new Date(epochMs).toISOString().replace(/\.\d+/, "");

/** Everything here was created at the beginning of 2026. */
export const MADE = { created_at: "2026-01-01T00:00:00Z", updated_at: "2026-01-01T00:00:00Z" };

/** Fields that all have the same value. */
export function all(value: unknown, names: string): Record<string, unknown> {
  return Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, value]),
  );
}

/** The login that a token writes as. */
export const loginOf = ({ token }: Call, { credentials }: World): string =>
  credentials.grantOf(token)?.login ?? "octocat";

/** A user or an organisation. */
export function userJson(login: string) {
  const url = `https://api.github.com/users/${encodeURIComponent(login)}`;
  return {
    login,
    id: 1,
    node_id: "U_1",
    avatar_url: "https://avatars.githubusercontent.com/u/1",
    gravatar_id: "",
    url,
    html_url: `https://github.com/${encodeURIComponent(login)}`,
    followers_url: `${url}/followers`,
    following_url: `${url}/following{/other_user}`,
    gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`,
    subscriptions_url: `${url}/subscriptions`,
    organizations_url: `${url}/orgs`,
    repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`,
    received_events_url: `${url}/received_events`,
    type: login.endsWith("[bot]") ? "Bot" : "User",
    site_admin: false,
    name: login,
    ...all(null, "company blog location email hireable bio"),
    ...all(0, "public_repos public_gists followers following"),
    ...MADE,
  };
}

/** A team of an organisation, by its slug. */
export function teamJson(slug: string) {
  const url = `https://api.github.com/teams/${slug}`;
  return {
    ...{ id: 1, node_id: "T_1", name: slug, slug, description: null, permission: "push", privacy: "closed" },
    notification_setting: "notifications_enabled",
    ...{ url, html_url: `https://github.com/orgs/acme/teams/${slug}`, parent: null, type: "organization" },
    members_url: `${url}/members{/member}`,
    repositories_url: `${url}/repos`,
  };
}
