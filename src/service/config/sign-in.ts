import { signInRoles } from "../../access/sign-in-roles.ts";
import { isPlainToOthers } from "../../model/network.ts";
import type { HttpConfig } from "./http.ts";
import { numberFrom, optional, type Reader, secret, setting, token } from "./setting.ts";

/** How people sign in with a browser, in addition to tokens. */
export const SIGN_IN_SETTINGS = {
  issuer: setting(
    "OIDC_ISSUER",
    "",
    "OpenID Connect issuer with which people sign in, such as `https://login.acme.com/realms/acme` " +
      "(docs/access.md#openid-connect). Needs OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, SIGN_IN_ROLES and PUBLIC_URL.",
    issuer,
  ),
  oidcClientId: setting("OIDC_CLIENT_ID", "", "Client ID that is registered with the issuer.", optional),
  oidcClientSecret: secret("OIDC_CLIENT_SECRET", "Secret of that client.", token),
  scopes: setting(
    "OIDC_SCOPES",
    "openid profile email",
    "Space-separated scopes to request. Some issuers return groups only with a special scope, such as `groups`.",
    scopes,
  ),
  groupsClaim: setting(
    "OIDC_GROUPS_CLAIM",
    "groups",
    "Claim with the groups of a person, which SIGN_IN_ROLES matches with `group:`. Use dots for a nested claim: `realm_access.roles`.",
    (text) => text,
  ),
  gitHubClientId: setting(
    "GITHUB_CLIENT_ID",
    "",
    "Client ID of an OAuth app or a GitHub App with which people sign in (docs/access.md#github). Needs GITHUB_CLIENT_SECRET, " +
      "SIGN_IN_ROLES and PUBLIC_URL.",
    optional,
  ),
  gitHubClientSecret: secret("GITHUB_CLIENT_SECRET", "Client secret of that app.", token),
  roles: setting(
    "SIGN_IN_ROLES",
    "",
    "Roles of people who sign in, comma-separated or one per line, such as `group:platform=operator,github:acme=viewer` " +
      "(docs/access.md#roles-of-people).",
    signInRoles,
  ),
  sessionHours: setting(
    "SESSION_HOURS",
    "12",
    "Length of a session in hours, for people who signed in with OpenID Connect or GitHub.",
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
      reader.problem("SIGN_IN_ROLES", "has no entry for GitHub: add one such as github:acme=viewer");
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

/** Exactly the issuer's name for itself: a slash at its end matters. */
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
