import { signInRoles } from "../../access/sign-in-roles.ts";
import { isPlainToOthers } from "../../model/network.ts";
import type { HttpConfig } from "./http.ts";
import { numberFrom, optional, type Reader, secret, setting, token } from "./setting.ts";

/** How people sign in with a browser, beside the tokens. */
export const SIGN_IN_SETTINGS = {
  issuer: setting(
    "OIDC_ISSUER",
    "",
    "Where people sign in by OpenID Connect: the issuer, such as `https://login.acme.com/realms/acme`. Needs OIDC_CLIENT_ID, " +
      "OIDC_CLIENT_SECRET, SIGN_IN_ROLES and PUBLIC_URL; the callback address is PUBLIC_URL with `/sign-in/oidc/callback` (docs/access.md).",
    issuer,
  ),
  oidcClientId: setting("OIDC_CLIENT_ID", "", "The id of the client that is registered at the issuer.", optional),
  oidcClientSecret: secret("OIDC_CLIENT_SECRET", "The secret of that client.", token),
  scopes: setting(
    "OIDC_SCOPES",
    "openid profile email",
    "What the issuer is asked about people, with spaces in between. Some issuers give groups only with a scope for them, such as `groups`.",
    scopes,
  ),
  groupsClaim: setting(
    "OIDC_GROUPS_CLAIM",
    "groups",
    "The claim that holds the groups of a person, which SIGN_IN_ROLES matches with `group:`. One inside of others is named with " +
      "dots: `realm_access.roles`.",
    (text) => text,
  ),
  gitHubClientId: setting(
    "GITHUB_CLIENT_ID",
    "",
    "The client id of an OAuth app, or of a GitHub App, with which people sign in at GitHub. Needs GITHUB_CLIENT_SECRET, " +
      "SIGN_IN_ROLES and PUBLIC_URL; the callback address is PUBLIC_URL with `/sign-in/github/callback`.",
    optional,
  ),
  gitHubClientSecret: secret("GITHUB_CLIENT_SECRET", "The client secret of that app.", token),
  roles: setting(
    "SIGN_IN_ROLES",
    "",
    "What people may do who sign in, with commas in between, or one per line: `group:platform=operator`, " +
      "`email:*@acme.com=viewer`, `user:alice=operator`, `*=viewer`; for GitHub `github:acme=viewer` (an organisation), " +
      "`github:acme/platform=operator` (a team), `github:@octocat=viewer` (a person). All entries that match count. A role may be " +
      "limited to workflows: `operator@deploy+release`. A change counts for open sessions, too.",
    signInRoles,
  ),
  sessionHours: setting(
    "SESSION_HOURS",
    "12",
    "After how many hours people must sign in again who signed in by OpenID Connect or GitHub.",
    numberFrom(0.1, 24 * 30),
  ),
};

export function signInConfig(reader: Reader, http: Pick<HttpConfig, "publicUrl" | "dashboard">) {
  const { issuer, oidcClientId, oidcClientSecret, scopes, groupsClaim, ...others } = reader.values(SIGN_IN_SETTINGS);
  const { gitHubClientId, gitHubClientSecret, roles, sessionHours } = others;
  const needs = (name: string, needed: Readonly<Record<string, unknown>>) => {
    const missing = Object.keys(needed).filter((each) => needed[each] === undefined || needed[each] === false);
    if (missing.length > 0) reader.problem(name, `needs ${missing.join(", ")}`);
  };
  const common = {
    SIGN_IN_ROLES: roles.length > 0,
    PUBLIC_URL: http.publicUrl,
    "DASHBOARD on": http.dashboard,
  };
  if (issuer !== undefined)
    needs("OIDC_ISSUER", { OIDC_CLIENT_ID: oidcClientId, OIDC_CLIENT_SECRET: oidcClientSecret, ...common });
  else if (oidcClientId !== undefined || oidcClientSecret !== undefined)
    reader.problem(oidcClientId === undefined ? "OIDC_CLIENT_SECRET" : "OIDC_CLIENT_ID", "needs OIDC_ISSUER");
  if (gitHubClientId !== undefined) {
    needs("GITHUB_CLIENT_ID", { GITHUB_CLIENT_SECRET: gitHubClientSecret, ...common });
    if (roles.length > 0 && !roles.some((role) => role.for.kind === "github"))
      reader.problem("SIGN_IN_ROLES", "no entry is for people of GitHub: add one such as github:acme=viewer");
  } else if (gitHubClientSecret !== undefined) reader.problem("GITHUB_CLIENT_SECRET", "needs GITHUB_CLIENT_ID");
  return {
    openId:
      issuer && oidcClientId && oidcClientSecret
        ? { issuer, clientId: oidcClientId, clientSecret: oidcClientSecret, scopes, groupsClaim }
        : undefined,
    gitHub:
      gitHubClientId && gitHubClientSecret ? { clientId: gitHubClientId, clientSecret: gitHubClientSecret } : undefined,
    roles,
    sessionHours,
  };
}

/** As the issuer names itself, so that a slash at its end counts. */
function issuer(text: string): string | undefined {
  if (text === "") return undefined;
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol) || isPlainToOthers(url))
    throw new Error(`expected a URL such as https://login.acme.com (http only for this machine), got "${text}"`);
  if (url.username || url.password) throw new Error("must not contain credentials");
  if (url.search || url.hash) throw new Error("must not contain a query or a fragment");
  if (url.pathname.endsWith("/.well-known/openid-configuration"))
    throw new Error("expected the issuer, without /.well-known/openid-configuration at its end");
  return text;
}

function scopes(text: string): string {
  const all = text.split(/[\s,]+/).filter(Boolean);
  if (!all.includes("openid"))
    throw new Error('expected scopes with "openid" among them, such as openid profile email');
  return all.join(" ");
}
