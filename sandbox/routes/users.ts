import { badCredentials, failure, type Handler, userJson } from "./reply.ts";

/** The token's user. An installation's token has no user. */
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
  // GitHub Enterprise Server answers this until its administrator has switched limits on.
  if (!core) return failure(404, "Rate limiting is not enabled.");
  const search = { limit: 30, remaining: 30, used: 0, reset: core.reset };
  return { status: 200, json: { resources: { core, search }, rate: core } };
};
