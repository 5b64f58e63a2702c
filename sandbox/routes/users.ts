import { badCredentials, failure, type Handler } from "./reply.ts";

/** Whose token it is. An installation's token belongs to nobody. */
export const showUser: Handler = (call, { credentials }) => {
  const grant = credentials.grantOf(call.token);
  if (!grant) return badCredentials;
  // Not a permission: https://docs.github.com/en/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens
  const headers = { "x-accepted-github-permissions": "allows_permissionless_access=true" };
  if (grant.installation) return { ...failure(403, "Resource not accessible by integration"), headers };
  return { status: 200, headers, json: userJson(grant.login ?? "octocat") };
};

/** Costs nothing of the primary limit: https://docs.github.com/en/rest/rate-limit/rate-limit */
export const showRateLimit: Handler = (call, { credentials, quota }) => {
  if (!credentials.grantOf(call.token)) return badCredentials;
  const core = quota(call.token);
  // What GitHub Enterprise Server says as long as its administrator has not switched limits on.
  if (!core) return failure(404, "Rate limiting is not enabled.");
  const search = { limit: 30, remaining: 30, used: 0, reset: core.reset };
  return { status: 200, json: { resources: { core, search }, rate: core } };
};

/** A user or an organisation. */
export function userJson(login: string) {
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
