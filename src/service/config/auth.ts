import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { trustedProxies } from "../../access/proxies.ts";
import { type CallerToken, type Grant, grantOf } from "../../model/access.ts";
import { ROLES } from "../../model/who.ts";
import { oidcTrusts } from "./auth-oidc.ts";
import { isQuoted, type Reader, secret, secretLines, setting, token } from "./setting.ts";

/** The credentials that callers need. */
export const AUTH_SETTINGS = {
  tokens: secret(
    "AUTH_TOKENS",
    "Comma-separated tokens of callers: `TOKEN`, `NAME:TOKEN` or `NAME:ROLE:TOKEN`, with the role `caller`, `viewer` or " +
      "`operator` (docs/access.md#tokens-and-roles). A token shorter than 16 characters causes a warning. Unset: anyone who can " +
      "reach the service can use it.",
    tokenList,
    { hidden: (tokens) => tokens.map(({ text }) => text) },
  ),
  oidc: secret(
    "AUTH_OIDC",
    "OIDC tokens to accept, so that callers need no shared secret: from GitHub Actions or Kubernetes service accounts, for " +
      "example. A JSON list of entries (docs/access.md#callers-without-a-secret).",
    oidcTrusts,
    { hidden: () => [] },
  ),
  webhookSecrets: secret(
    "GITHUB_WEBHOOK_SECRET",
    "Secret with which GitHub signs its webhooks. Workflows with the trigger `github` need it. Webhooks also wake runs that " +
      "wait for an event of GitHub. Several secrets (docs/operations.md#rotating-secrets): one per line.",
    secretLines,
  ),
  fluxKeys: secret(
    "FLUX_HMAC_KEY",
    "Key with which Flux signs its notifications (provider `generic-hmac`), for workflows with the trigger `flux`. Several " +
      "keys: one per line. Unset: Flux needs one of AUTH_TOKENS, like any caller.",
    secretLines,
  ),
  trustedProxies: setting(
    "TRUSTED_PROXIES",
    "",
    "Comma-separated addresses and ranges of the proxies in front, such as `10.0.0.0/8`. Only these may name the client " +
      "(docs/access.md#the-clients-address) and the user (PROXY_USER_HEADER). Empty: the client is the other end of the " +
      "connection.",
    (text) => (trustedProxies(text).isEmpty ? undefined : text),
  ),
  proxyUserHeader: setting(
    "PROXY_USER_HEADER",
    "",
    "Header in which an authenticating proxy passes the name of the signed-in user, such as `X-Forwarded-User` " +
      "(docs/access.md#behind-an-authenticating-proxy). Needs TRUSTED_PROXIES and SIGN_IN_ROLES.",
    headerName,
  ),
  proxyGroupsHeader: setting(
    "PROXY_GROUPS_HEADER",
    "",
    "Header in which that proxy passes the user's groups, comma-separated, such as `X-Forwarded-Groups`.",
    headerName,
  ),
};

/** Reads these settings, and checks that they fit together. */
export function authConfig(reader: Reader) {
  const auth = reader.values(AUTH_SETTINGS);
  if (auth.proxyUserHeader !== undefined) {
    for (const needed of ["TRUSTED_PROXIES", "SIGN_IN_ROLES"])
      if (!reader.isSet(needed)) reader.problem("PROXY_USER_HEADER", `needs ${needed} (docs/access.md)`);
  } else if (auth.proxyGroupsHeader !== undefined) {
    reader.problem("PROXY_GROUPS_HEADER", "needs PROXY_USER_HEADER");
  }
  return auth;
}

function headerName(text: string): string | undefined {
  if (text === "") return undefined;
  if (!/^[A-Za-z][A-Za-z0-9-]{0,99}$/.test(text)) throw new Error(`expected the name of a header, got "${text}"`);
  if (/^(authorization|cookie|host|forwarded|x-forwarded-(for|proto|host|prefix))$/i.test(text))
    throw new Error(`expected a header that only names the signed-in user, got "${text}"`);
  return text;
}

function tokenList(text: string): readonly CallerToken[] {
  const tokens = text.split(",").map((each) => each.trim());
  if (text !== "" && tokens.includes("")) throw new Error("expected comma-separated tokens, but one of them is empty");
  const known = tokens.filter(Boolean).flatMap((each, index) => {
    if (isQuoted(each)) throw new Error("one of the tokens is in quotation marks: remove them");
    return callerTokens(token(each) ?? "", index + 1);
  });
  for (const [at, { text, grants, actor }] of known.entries()) {
    const other = known.slice(0, at).find((each) => each.text === text && !isDeepStrictEqual(each.grants, grants));
    if (other)
      throw new Error(`${other.actor} and ${actor} are the same token with different roles: make a second token`);
  }
  return known;
}

/**
 * `name:token` or `name:role:token`. A role has four letters or more, so that hexadecimal digits are never read as a role. Only a
 * known role can have a limit behind it.
 */
const NAMED = new RegExp(
  `^(?<name>[A-Za-z][\\w.-]{0,39}):(?:(?<role>[a-z]{4,20}|(?:${ROLES.join("|")})@[^:]*):)?(?<text>.+)$`,
);

/** The rights of a token without a role. */
const ALL: readonly Grant[] = [{ role: "operator" }];

/**
 * The text behind a name is a token only from this length on. Otherwise the token `secret:x`, from the time before names, would
 * make `x` a valid token.
 */
const LEAST_CHARACTERS = 16;

/**
 * The tokens that one entry accepts. An entry with a name and no role also accepts its whole text: before tokens had names, that
 * was the token.
 */
function callerTokens(entry: string, nth: number): readonly CallerToken[] {
  const { name, role, text = "" } = NAMED.exec(entry)?.groups ?? {};
  const isShort = role === undefined && text.length < LEAST_CHARACTERS;
  if (name === undefined || isShort) return [{ text: entry, actor: `token ${digestOf(entry)}`, grants: ALL }];
  const actor = `token ${name}`;
  if (role === undefined) return [text, entry].map((each) => ({ text: each, actor, grants: ALL }));
  return [{ text, actor, grants: [grantIn(role, nth)] }];
}

function grantIn(role: string, nth: number): Grant {
  if (!ROLES.some((each) => each === role.split("@")[0])) {
    throw new Error(
      `entry ${nth} is name:role:token with an unknown role; the roles are: ${ROLES.join(", ")}. If the whole entry is a token, put a name and a role in front: my-name:operator:TOKEN`,
    );
  }
  try {
    return grantOf(role);
  } catch (error) {
    throw new Error(`entry ${nth}: ${(error as Error).message}`, { cause: error });
  }
}

/** Identifies a token without a name, and reveals nothing about it. */
function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
