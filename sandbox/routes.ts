import { createHash } from "node:crypto";
import type { credentialBook, GitHubApp, TokenGrant } from "./credentials.ts";
import { grantedTo, reaches } from "./credentials.ts";
import type { Repository, repositoryShelf } from "./repository.ts";
import { startWorkflow } from "./workflow-dispatch.ts";

/** An answer before it is written: JSON unless `raw` is given. */
export type Reply = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly raw?: Buffer;
};

export type Call = {
  readonly method: string;
  /** Without the base path, percent-encoded as it came. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  readonly token: string;
};

export type World = {
  readonly base: string;
  readonly credentials: ReturnType<typeof credentialBook>;
  readonly repositories: ReturnType<typeof repositoryShelf>;
  accept(repository: Repository, eventType: string, payload: Record<string, unknown>, token: string): void;
};

type Handler = (call: Call, world: World, parameters: readonly string[]) => Reply;

const DOCS = "https://docs.github.com/rest";

const notFound: Reply = failure(404, "Not Found");

/** Finds the route of a call, by GitHub's own template, and what answers it. */
export function routeOf(method: string, path: string): { route: string; answer(call: Call, world: World): Reply } {
  for (const { verb, template, pattern, handle } of ROUTES) {
    const match = verb === method ? pattern.exec(path) : null;
    if (match) {
      const parameters = match.slice(1).map((each = "") => decoded(each));
      return { route: `${verb} ${template}`, answer: (call, world) => handle(call, world, parameters) };
    }
  }
  return { route: `${method} ${path}`, answer: () => notFound };
}

const ROUTES = [
  route(
    "GET /repos/{owner}/{repo}",
    withRepository("metadata=read", (repository, call, world) => showRepository(repository, world, call)),
  ),
  route("GET /repos/{owner}/{repo}/contents/{path}", withRepository("contents=read", showContents)),
  route("POST /repos/{owner}/{repo}/dispatches", withRepository("contents=write", dispatch)),
  route(
    "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches",
    withRepository("actions=write", startWorkflow),
  ),
  route("GET /repos/{owner}/{repo}/commits/{ref}", withRepository("contents=read", showCommit)),
  route("GET /repos/{owner}/{repo}/installation", withApp(showInstallation)),
  route("POST /app/installations/{installation_id}/access_tokens", withApp(issueToken)),
  route(
    "GET /app",
    withApp((app) => ({ status: 200, json: appJson(app) })),
  ),
  route("GET /user", (call, world) => {
    const grant = world.credentials.grantOf(call.token);
    if (grant?.installation) return failure(403, "Resource not accessible by integration");
    return grant ? { status: 200, json: userJson(grant.login ?? "octocat") } : badCredentials;
  }),
];

/** What is answered here, in the words of GitHub's description. */
export const ROUTE_NAMES: readonly string[] = ROUTES.map(({ verb, template }) => `${verb} ${template}`);

const badCredentials = failure(401, "Bad credentials");

const suspended = failure(403, "This installation has been suspended");

function route(verbAndTemplate: string, handle: Handler) {
  const [verb = "", template = ""] = verbAndTemplate.split(" ");
  const pattern = template
    .replace("/repos/{owner}/{repo}", "(?:/repos/([^/]+)/([^/]+)|/repositories/(\\d+)())")
    .replace("{path}", "(.*)")
    .replaceAll(/\{\w+\}/g, "([^/]+)");
  return { verb, template, pattern: new RegExp(`^${pattern}$`), handle };
}

/** Finds the repository, follows its renaming, and holds GitHub's rules about who sees and may do what. */
function withRepository(
  permission: "metadata=read" | "contents=read" | "contents=write" | "actions=write",
  then: (repository: Repository, call: Call, world: World, rest: readonly string[]) => Reply,
): Handler {
  return (call, world, [owner, repo, id, , ...rest]) => {
    const { repository, asked } = repositoryOf(world, [owner, repo, id]);
    const grant = world.credentials.grantOf(call.token);
    const needs = { "x-accepted-github-permissions": permission };
    if (!grant) return badCredentials;
    if (grant.installation?.suspended) return suspended;
    if (!repository || (repository.isPrivate && !reaches(grant, repository))) return { ...notFound, headers: needs };
    if (asked && asked !== repository.fullName.toLowerCase()) return moved(call, world, repository);
    if (grant.sso) {
      const refused = failure(
        403,
        "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization.",
      );
      return { ...refused, headers: { "x-github-sso": `required; url=${grant.sso}` } };
    }
    const readsPublic = !permission.endsWith("=write") && !repository.isPrivate;
    if (!readsPublic && !(reaches(grant, repository) && allows(grant, permission))) {
      const kind = grant.installation ? "integration" : "personal access token";
      return { ...failure(403, `Resource not accessible by ${kind}`), headers: needs };
    }
    return then(repository, call, world, rest);
  };
}

/** The repository of a path that names it or gives its id, and by what name (in lower case) it was asked for. */
function repositoryOf({ repositories }: World, [owner = "", repo = "", id = ""]: readonly (string | undefined)[]) {
  if (owner === "") return { repository: repositories.findById(Number(id)), asked: undefined };
  const asked = `${owner}/${repo}`.toLowerCase();
  return { repository: repositories.find(asked), asked };
}

function withApp(then: (app: GitHubApp, call: Call, world: World, parameters: readonly string[]) => Reply): Handler {
  return (call, world, parameters) => {
    const app = world.credentials.appOf(call.token);
    return app ? then(app, call, world, parameters) : failure(401, "A JSON web token could not be decoded");
  };
}

function allows(grant: TokenGrant, permission: string): boolean {
  if (!grant.permissions || permission === "metadata=read") return true;
  if (permission === "actions=write") return grant.permissions.actions === "write";
  const held = grant.permissions.contents;
  return permission === "contents=read" ? held !== undefined : held === "write";
}

/** https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects */
function moved({ method, path, query }: Call, { base }: World, { id }: Repository): Reply {
  const rest = path.replace(/^\/repos\/[^/]+\/[^/]+/, "");
  const url = `${base}/repositories/${id}${rest}${query.size > 0 ? `?${query}` : ""}`;
  return {
    status: method === "GET" ? 301 : 307,
    headers: { location: url },
    json: {
      message: "Moved Permanently",
      url,
      documentation_url: `${DOCS}/guides/best-practices-for-using-the-rest-api#follow-redirects`,
    },
  };
}

/** Larger files come in the raw form only: https://docs.github.com/en/rest/repos/contents#get-repository-content */
const MAX_BASE64_BYTES = 1024 * 1024;

function showContents(repository: Repository, call: Call, { base }: World, [path = ""]: readonly string[]): Reply {
  const ref = call.query.get("ref") ?? repository.defaultBranch;
  if (!repository.hasRef(ref)) return failure(404, `No commit found for the ref ${ref}`);
  const file = repository.file(path, ref);
  if (!file) {
    const entries = repository.list(path, ref);
    if (entries.length === 0) return notFound;
    return {
      status: 200,
      json: entries.map((entry) => entryJson(repository, base, ref, entry.path, entry.name, entry.file)),
    };
  }
  const raw = /application\/vnd\.github\.(v3\.)?raw/.test(call.headers.accept ?? "");
  const etag = `W/"${createHash("sha256").update(`${raw}${file.sha}`).digest("hex")}"`;
  const headers = { etag, "cache-control": "private, max-age=60, s-maxage=60", vary: "Accept, Authorization" };
  if (call.headers["if-none-match"] === etag) return { status: 304, headers };
  if (raw) {
    return {
      status: 200,
      headers: { ...headers, "content-type": "application/vnd.github.raw+json; charset=utf-8" },
      raw: file.bytes,
    };
  }
  const name = path.split("/").at(-1) ?? path;
  const content =
    file.bytes.byteLength > MAX_BASE64_BYTES
      ? { content: "", encoding: "none" }
      : { content: file.bytes.toString("base64"), encoding: "base64" };
  return { status: 200, headers, json: { ...entryJson(repository, base, ref, path, name, file), ...content } };
}

function entryJson(
  { fullName }: Repository,
  base: string,
  ref: string,
  path: string,
  name: string,
  file: { bytes: Buffer; sha: string } | undefined,
) {
  const url = `${base}/repos/${fullName}/contents/${encodeURI(path)}?ref=${encodeURIComponent(ref)}`;
  const kind = file ? "blob" : "tree";
  const sha = file?.sha ?? createHash("sha1").update(path).digest("hex");
  const git = `${base}/repos/${fullName}/git/${kind}s/${sha}`;
  const html = `https://github.com/${fullName}/${kind}/${encodeURI(`${ref}/${path}`)}`;
  return {
    type: file ? "file" : "dir",
    size: file?.bytes.byteLength ?? 0,
    name,
    path,
    sha,
    url,
    git_url: git,
    html_url: html,
    download_url: file ? `https://raw.githubusercontent.com/${fullName}/${encodeURI(`${ref}/${path}`)}` : null,
    _links: { self: url, git, html },
  };
}

/** GitHub's bounds: https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event */
const MAX_EVENT_TYPE_CHARACTERS = 100;
const MAX_PAYLOAD_PROPERTIES = 10;
const MAX_PAYLOAD_BYTES = 65_535;

function dispatch(repository: Repository, call: Call, world: World): Reply {
  const body = parseObject(call.body);
  if (!body) return failure(400, "Problems parsing JSON");
  const { event_type: eventType, client_payload: payload = {}, ...unknown } = body;
  const [extra] = Object.keys(unknown);
  const problem =
    eventType === undefined
      ? `Invalid request.\n\n"event_type" wasn't supplied.`
      : typeof eventType !== "string"
        ? `Invalid request.\n\nFor 'properties/event_type', ${JSON.stringify(eventType)} is not a string.`
        : eventType.length < 1 || eventType.length > MAX_EVENT_TYPE_CHARACTERS
          ? `Invalid request.\n\nevent_type must be 1 to ${MAX_EVENT_TYPE_CHARACTERS} characters, got ${eventType.length}.`
          : typeof payload !== "object" || payload === null || Array.isArray(payload)
            ? `Invalid request.\n\nFor 'properties/client_payload', ${JSON.stringify(payload)} is not an object.`
            : Object.keys(payload).length > MAX_PAYLOAD_PROPERTIES
              ? `Invalid request.\n\nNo more than ${MAX_PAYLOAD_PROPERTIES} properties are allowed; ${Object.keys(payload).length} were supplied.`
              : Buffer.byteLength(JSON.stringify(payload)) > MAX_PAYLOAD_BYTES
                ? "client_payload is too large."
                : extra !== undefined
                  ? `Invalid request.\n\n"${extra}" is not a permitted key.`
                  : undefined;
  if (problem) return failure(422, problem);
  if (repository.archived) return failure(403, "Repository was archived so is read-only.");
  world.accept(repository, eventType as string, payload as Record<string, unknown>, call.token);
  return { status: 204 };
}

function showCommit(repository: Repository, _call: Call, { base }: World, [ref = ""]: readonly string[]): Reply {
  if (!repository.hasRef(ref)) return failure(422, `No commit found for SHA: ${ref}`);
  const url = `${base}/repos/${repository.fullName}/commits/${ref}`;
  const who = { name: "Octo Cat", email: "octocat@github.com", date: "2026-01-01T00:00:00Z" };
  const tree = { sha: "0".repeat(40), url: `${base}/repos/${repository.fullName}/git/trees/${"0".repeat(40)}` };
  return {
    status: 200,
    json: {
      sha: ref,
      node_id: "C_1",
      url,
      html_url: `https://github.com/${repository.fullName}/commit/${ref}`,
      comments_url: `${url}/comments`,
      commit: { author: who, committer: who, message: "A commit", tree, url, comment_count: 0 },
      author: userJson("octocat"),
      committer: userJson("octocat"),
      parents: [],
    },
  };
}

function showInstallation(app: GitHubApp, call: Call, world: World, parameters: readonly string[]): Reply {
  const { repository, asked } = repositoryOf(world, parameters);
  if (!repository) return notFound;
  const owner = repository.fullName.split("/")[0]?.toLowerCase();
  const installation = app.installations.find((each) => each.owner.toLowerCase() === owner);
  if (!installation) return notFound;
  if (asked && asked !== repository.fullName.toLowerCase()) return moved(call, world, repository);
  return { status: 200, json: installationJson(app, installation, world) };
}

function issueToken(app: GitHubApp, call: Call, world: World, [id]: readonly string[]): Reply {
  const installation = app.installations.find((each) => String(each.id) === id);
  if (!installation) return notFound;
  if (installation.suspended) return suspended;
  const asked = call.body === "" ? {} : parseObject(call.body);
  if (!asked) return failure(400, "Problems parsing JSON");
  const { repositories = undefined, permissions = undefined } = asked;
  if (repositories !== undefined && !isListOfNames(repositories)) {
    return failure(422, `Invalid request.\n\nFor 'properties/repositories', expected an array of names.`);
  }
  if (permissions !== undefined && !isNarrowing(permissions, { metadata: "read", ...grantedTo(installation) })) {
    return failure(422, "The permissions requested are not granted to this installation.");
  }
  if (repositories?.some((name) => !world.repositories.find(`${installation.owner}/${name}`))) {
    return failure(
      422,
      "There is at least one repository that does not exist or is not accessible to the parent installation.",
    );
  }
  const narrowed = { ...(repositories ? { repositories } : {}), ...(permissions ? { permissions } : {}) };
  const issued = world.credentials.issue(installation, narrowed);
  return {
    status: 201,
    json: {
      token: issued.token,
      expires_at: new Date(issued.expiresAt).toISOString().replace(/\.\d+/, ""),
      permissions: issued.permissions,
      repository_selection: repositories ? "selected" : "all",
    },
  };
}

function isListOfNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** Whether permissions are asked for that were granted, at the same level or below. */
function isNarrowing(
  asked: unknown,
  granted: Readonly<Record<string, string>>,
): asked is NonNullable<TokenGrant["permissions"]> {
  if (typeof asked !== "object" || asked === null) return false;
  return Object.entries(asked).every(([name, level]) => granted[name] === "write" || granted[name] === level);
}

function showRepository(repository: Repository, { base }: World, _call: Call): Reply {
  return { status: 200, json: repositoryJson(repository, base) };
}

function repositoryJson({ id, fullName, isPrivate, archived, defaultBranch }: Repository, base: string) {
  const [owner = "", name = ""] = fullName.split("/");
  const url = `${base}/repos/${fullName}`;
  const links = Object.fromEntries(REPOSITORY_LINKS.map((link) => [`${link}_url`, `${url}/${link}`]));
  return {
    id,
    node_id: `R_${id}`,
    name,
    full_name: fullName,
    private: isPrivate,
    owner: userJson(owner),
    html_url: `https://github.com/${fullName}`,
    description: null,
    fork: false,
    url,
    ...links,
    git_url: `git://github.com/${fullName}.git`,
    ssh_url: `git@github.com:${fullName}.git`,
    clone_url: `https://github.com/${fullName}.git`,
    svn_url: `https://github.com/${fullName}`,
    mirror_url: null,
    homepage: null,
    language: null,
    license: null,
    forks_count: 0,
    stargazers_count: 0,
    watchers_count: 0,
    size: 1,
    default_branch: defaultBranch,
    open_issues_count: 0,
    topics: [],
    has_issues: true,
    has_projects: true,
    has_wiki: false,
    has_pages: false,
    has_downloads: true,
    has_discussions: false,
    archived,
    disabled: false,
    visibility: isPrivate ? "private" : "public",
    pushed_at: "2026-01-01T00:00:00Z",
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    subscribers_count: 0,
    network_count: 0,
    forks: 0,
    open_issues: 0,
    watchers: 0,
    permissions: { admin: false, push: true, pull: true },
  };
}

const REPOSITORY_LINKS = [
  "archive",
  "assignees",
  "blobs",
  "branches",
  "collaborators",
  "comments",
  "commits",
  "compare",
  "contents",
  "contributors",
  "deployments",
  "downloads",
  "events",
  "forks",
  "git_commits",
  "git_refs",
  "git_tags",
  "hooks",
  "issue_comment",
  "issue_events",
  "issues",
  "keys",
  "labels",
  "languages",
  "merges",
  "milestones",
  "notifications",
  "pulls",
  "releases",
  "stargazers",
  "statuses",
  "subscribers",
  "subscription",
  "tags",
  "teams",
  "trees",
];

function userJson(login: string) {
  const url = `https://api.github.com/users/${login}`;
  return {
    login,
    id: 1,
    node_id: "U_1",
    avatar_url: "https://avatars.githubusercontent.com/u/1",
    gravatar_id: "",
    url,
    html_url: `https://github.com/${login}`,
    followers_url: `${url}/followers`,
    following_url: `${url}/following{/other_user}`,
    gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`,
    subscriptions_url: `${url}/subscriptions`,
    organizations_url: `${url}/orgs`,
    repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`,
    received_events_url: `${url}/received_events`,
    type: "User",
    site_admin: false,
    name: login,
    company: null,
    blog: null,
    location: null,
    email: null,
    hireable: null,
    bio: null,
    public_repos: 0,
    public_gists: 0,
    followers: 0,
    following: 0,
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
  };
}

function appJson({ id, installations: [installation] }: GitHubApp) {
  return {
    id,
    slug: "gh-runner",
    node_id: `A_${id}`,
    owner: userJson("acme"),
    name: "gh-runner",
    description: null,
    external_url: "https://example.com",
    html_url: "https://github.com/apps/gh-runner",
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    permissions: installation ? grantedTo(installation) : {},
    events: [],
  };
}

function installationJson(app: GitHubApp, installation: GitHubApp["installations"][number], { base }: World) {
  const { id, owner, suspended } = installation;
  return {
    id,
    account: userJson(owner),
    repository_selection: "selected",
    access_tokens_url: `${base}/app/installations/${id}/access_tokens`,
    repositories_url: `${base}/installation/repositories`,
    html_url: `https://github.com/organizations/${owner}/settings/installations/${id}`,
    app_id: app.id,
    app_slug: "gh-runner",
    target_id: 1,
    target_type: "Organization",
    permissions: grantedTo(installation),
    events: [],
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    single_file_name: null,
    suspended_by: suspended ? userJson("admin") : null,
    suspended_at: suspended ? "2026-01-01T00:00:00Z" : null,
  };
}

function failure(status: number, message: string): Reply {
  return { status, json: { message, documentation_url: DOCS, status: String(status) } };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** A percent sign that begins no escape stands for itself. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
