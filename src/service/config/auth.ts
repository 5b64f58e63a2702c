import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { trustedProxies } from "../../access/proxies.ts";
import { type CallerToken, type Grant, grantOf } from "../../model/access.ts";
import { ROLES } from "../../model/who.ts";
import { oidcTrusts } from "./auth-oidc.ts";
import { isQuoted, type Reader, secret, secretLines, setting, token } from "./setting.ts";

/** What callers must bring. */
export const AUTH_SETTINGS = {
  tokens: secret(
    "AUTH_TOKENS",
    "Comma-separated tokens, any of which a caller must bring: `Authorization: Bearer TOKEN`, or basic authentication " +
      "with the token as password. Each may have a name in front, `argocd:TOKEN`, by which the history and the log say " +
      "who did something, and a role, `argocd:caller:TOKEN`: `caller`, `viewer` or `operator`, which may be limited to " +
      "workflows, `ci:caller@deploy+release:TOKEN`. Without a role: operator. Several, so that they can be rotated; long ones, as `openssl rand -hex 32` " +
      "makes them: shorter than 16 characters is warned of. Unset: open to everybody who can reach it.",
    tokenList,
    { hidden: (tokens) => tokens.map(({ text }) => text) },
  ),
  oidc: secret(
    "AUTH_OIDC",
    "Callers without a secret: whose OIDC tokens let in, such as those of GitHub Actions and of Kubernetes' service accounts. A " +
      "JSON list of entries with `issuer`, `audience`, `claims` and `role`, each explained with examples in docs/access.md.",
    oidcTrusts,
    { hidden: () => [] },
  ),
  webhookSecrets: secret(
    "GITHUB_WEBHOOK_SECRET",
    "What GitHub signs its webhooks with. Needed by workflows with the trigger `github`; runs that wait for an event of " +
      "GitHub are woken by its webhook. To change it without a gap, give the old and the new one, each on a line.",
    secretLines,
  ),
  fluxKeys: secret(
    "FLUX_HMAC_KEY",
    "What Flux signs its notifications with (provider `generic-hmac`), for workflows with the trigger `flux`. Unset: " +
      "they are let in like any caller, by one of AUTH_TOKENS. Several as above, each on a line.",
    secretLines,
  ),
  trustedProxies: setting(
    "TRUSTED_PROXIES",
    "",
    "Addresses and ranges of the proxies in front, with commas in between: `10.0.0.0/8`. From them alone, X-Forwarded-For (or " +
      "Forwarded) says who the client is, for the log, the audit log and the slowing down of wrong tokens, and PROXY_USER_HEADER counts. " +
      "Empty: the client is who has opened the connection.",
    (text) => (trustedProxies(text).isEmpty ? undefined : text),
  ),
  proxyUserHeader: setting(
    "PROXY_USER_HEADER",
    "",
    "Header in which an authenticating proxy passes on who has signed in there: `X-Forwarded-User` of oauth2-proxy, " +
      "`Remote-User` of Authelia. Needs TRUSTED_PROXIES, and SIGN_IN_ROLES for what they may do (docs/access.md).",
    headerName,
  ),
  proxyGroupsHeader: setting(
    "PROXY_GROUPS_HEADER",
    "",
    "Header in which it passes on their groups, with commas in between: `X-Forwarded-Groups`, `Remote-Groups`.",
    headerName,
  ),
};

/** That part, and what does not go together in it. */
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
    throw new Error(`expected a header that only says who has signed in, got "${text}"`);
  return text;
}

function tokenList(text: string): readonly CallerToken[] {
  const tokens = text.split(",").map((each) => each.trim());
  if (text !== "" && tokens.includes(""))
    throw new Error("expected tokens with commas in between, one of them is empty");
  const known = tokens.filter(Boolean).flatMap((each, index) => {
    if (isQuoted(each)) throw new Error("one of the tokens is in quotation marks: remove them");
    return callerTokens(token(each) ?? "", index + 1);
  });
  for (const [at, { text, grants, actor }] of known.entries()) {
    const other = known.slice(0, at).find((each) => each.text === text && !isDeepStrictEqual(each.grants, grants));
    if (other) throw new Error(`${other.actor} and ${actor} are the same token with different roles: make another one`);
  }
  return known;
}

/**
 * `name:token` or `name:role:token`. What stands there as a role has four letters or more, so that no digits in hex are taken for
 * one, and a limit only behind a role that there is.
 */
const NAMED = new RegExp(
  `^(?<name>[A-Za-z][\\w.-]{0,39}):(?:(?<role>[a-z]{4,20}|(?:${ROLES.join("|")})@[^:]*):)?(?<text>.+)$`,
);

/** What a token may do that names no role. */
const ALL: readonly Grant[] = [{ role: "operator" }];

/** What follows a name is a token from so many characters on. Else `secret:x` of before there were names would let `x` in. */
const LEAST_CHARACTERS = 16;

/**
 * What a caller may bring for one entry. Where a name alone stands in front, that is also the whole entry: before tokens
 * had names, it was the token.
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
      `entry ${nth} is name:role:token with a role that is not known; known is: ${ROLES.join(", ")}. If the whole entry is a token, put a name and a role in front: my-name:operator:TOKEN`,
    );
  }
  try {
    return grantOf(role);
  } catch (error) {
    throw new Error(`entry ${nth}: ${(error as Error).message}`, { cause: error });
  }
}

/** Tells tokens without a name apart, and reveals nothing of them. */
function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
