import { isClassic, reaches, type TokenGrant } from "../credentials.ts";
import type { Repository } from "../repository.ts";
import {
  all,
  badCredentials,
  type Call,
  DOCS,
  failure,
  type Handler,
  MADE,
  notFound,
  type Permission,
  type PermissionName,
  type Reply,
  type RepositoryHandler,
  suspended,
  userJson,
  type World,
} from "./reply.ts";

/**
 * Finds the repository, follows its renaming, and enforces GitHub's rules about who may see and do what. Every answer
 * names the permission that the route needs, as GitHub does. A permission is checked before the body is read.
 */
export function withRepository(permission: Permission, then: RepositoryHandler): Handler {
  const answer: Handler = (call, world, [owner, repo, id, , ...rest]) => {
    const { repository, asked } = repositoryOf(world, [owner, repo, id]);
    const grant = world.credentials.grantOf(call.token);
    if (!grant) return badCredentials;
    if (grant.installation?.suspended) return suspended;
    if (!repository || (repository.isPrivate && !reaches(grant, repository))) return notFound;
    if (asked && asked !== repository.fullName.toLowerCase()) return moved(call, world, repository);
    if (grant.sso) {
      const why =
        "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization.";
      return { ...failure(403, why), headers: { "x-github-sso": `required; url=${grant.sso}` } };
    }
    const readsPublic = permission.endsWith("=read") && !repository.isPrivate;
    if (readsPublic || mayDo(grant, repository, permission)) {
      const isWrite = permission.endsWith("=write");
      return isWrite && repository.archived ? ARCHIVED : then(repository, call, world, rest);
    }
    // GitHub hides what a missing scope would show.
    if (isClassic(call.token)) return notFound;
    return failure(403, `Resource not accessible by ${grant.installation ? "integration" : "personal access token"}`);
  };
  return (call, world, parameters) => {
    const reply = answer(call, world, parameters);
    if (reply.status === 401) return reply;
    const scopes = isClassic(call.token) ? { "x-accepted-oauth-scopes": "repo" } : {};
    return { ...reply, headers: { "x-accepted-github-permissions": permission, ...scopes, ...reply.headers } };
  };
}

const ARCHIVED = failure(403, "Repository was archived so is read-only.");

/** Whether a grant reaches a repository and has a permission on it. */
function mayDo(grant: TokenGrant, repository: Repository, permission: Permission): boolean {
  if (!reaches(grant, repository)) return false;
  const writes = permission.endsWith("=write");
  if (writes && !(grant.scopes?.some((scope) => WRITING_SCOPES.includes(scope)) ?? true)) return false;
  if (!grant.permissions || permission === "metadata=read") return true;
  const names = permission.split("; ").map((each) => each.split("=")[0] as PermissionName);
  const levels = names.map((name) => grant.permissions?.[name]);
  return writes ? levels.includes("write") : levels.some((level) => level !== undefined);
}

/** Scopes of a classic token: for all repositories, and for public ones. */
const WRITING_SCOPES = ["repo", "public_repo"];

/** The repository of a path by its name or id, and the requested name in lower case. */
export function repositoryOf(
  { repositories }: World,
  [owner = "", repo = "", id = ""]: readonly (string | undefined)[],
) {
  if (owner === "") return { repository: repositories.findById(Number(id)), asked: undefined };
  const asked = `${owner}/${repo}`.toLowerCase();
  return { repository: repositories.find(asked), asked };
}

/** https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects */
export function moved({ method, path, query }: Call, { base }: World, { id }: Repository): Reply {
  const rest = path.replace(/^\/repos\/[^/]+\/[^/]+/, "");
  const url = `${base}/repositories/${id}${rest}${query.size > 0 ? `?${query}` : ""}`;
  const docs = `${DOCS}/guides/best-practices-for-using-the-rest-api#follow-redirects`;
  return {
    status: method === "GET" ? 301 : 307,
    headers: { location: url },
    json: { message: "Moved Permanently", url, documentation_url: docs },
  };
}

export const showRepository: RepositoryHandler = (repository, { token }, { base, credentials }) => {
  const grant = credentials.grantOf(token) ?? {};
  const permissions = {
    admin: false,
    push: mayDo(grant, repository, "contents=write"),
    pull: !repository.isPrivate || mayDo(grant, repository, "contents=read"),
  };
  return { status: 200, json: { ...repositoryJson(repository, base), permissions } };
};

export function repositoryJson({ id, fullName, isPrivate, archived, defaultBranch }: Repository, base: string) {
  const [owner = "", name = ""] = fullName.split("/");
  const url = `${base}/repos/${fullName}`;
  return {
    id,
    node_id: `R_${id}`,
    name,
    full_name: fullName,
    private: isPrivate,
    owner: userJson(owner),
    html_url: `https://github.com/${fullName}`,
    url,
    ...Object.fromEntries(LINKS.map((link) => [`${link}_url`, `${url}/${link}`])),
    git_url: `git://github.com/${fullName}.git`,
    ssh_url: `git@github.com:${fullName}.git`,
    clone_url: `https://github.com/${fullName}.git`,
    svn_url: `https://github.com/${fullName}`,
    ...all(null, "description mirror_url homepage language license"),
    ...all(0, "forks_count stargazers_count watchers_count open_issues_count subscribers_count network_count"),
    ...all(0, "forks open_issues watchers"),
    size: 1,
    default_branch: defaultBranch,
    topics: [],
    ...all(true, "has_issues has_projects has_downloads"),
    ...all(false, "has_wiki has_pages has_discussions fork disabled"),
    archived,
    visibility: isPrivate ? "private" : "public",
    pushed_at: MADE.updated_at,
    ...MADE,
  };
}

const LINKS = `archive assignees blobs branches collaborators comments commits compare contents contributors deployments
  downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels languages merges
  milestones notifications pulls releases stargazers statuses subscribers subscription tags teams trees`.split(/\s+/);
