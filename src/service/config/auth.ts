import { createHash } from "node:crypto";
import type { CallerToken } from "../../model/credential.ts";
import { isQuoted, secret, secretLines, token } from "./setting.ts";

/** What callers must bring. */
export const AUTH_SETTINGS = {
  tokens: secret(
    "AUTH_TOKENS",
    "Comma-separated tokens, any of which a caller must bring: `Authorization: Bearer TOKEN`, or basic authentication " +
      "with the token as password. Each may have a name in front, `argocd:TOKEN`, by which the history and the log say " +
      "who did something. Several, so that they can be rotated; long ones, as `openssl rand -hex 32` " +
      "makes them: shorter than 16 characters is warned of. Unset: open to everybody who can reach it.",
    tokenList,
    { hidden: (tokens) => tokens.map(({ text }) => text) },
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
};

function tokenList(text: string): readonly CallerToken[] {
  const tokens = text.split(",").map((each) => each.trim());
  if (text !== "" && tokens.includes(""))
    throw new Error("expected tokens with commas in between, one of them is empty");
  return tokens.filter(Boolean).flatMap((each, index) => {
    if (isQuoted(each)) throw new Error("one of the tokens is in quotation marks: remove them");
    return callerTokens(token(each) ?? "", index + 1);
  });
}

/** `name:token` or `name:role:token`. A role has four letters or more, so that no digits in hex are taken for one. */
const NAMED = /^(?<name>[A-Za-z][\w.-]{0,39}):(?:(?<role>[a-z]{4,20}):)?(?<text>.+)$/;

/** What each may do: all of it. */
const ROLES = ["operator"];

/** What follows a name is a token from so many characters on. Else `secret:x` of before there were names would let `x` in. */
const LEAST_CHARACTERS = 16;

/**
 * What a caller may bring for one entry. Where a name alone stands in front, that is also the whole entry: before tokens
 * had names, it was the token.
 */
function callerTokens(entry: string, nth: number): readonly CallerToken[] {
  const { name, role, text = "" } = NAMED.exec(entry)?.groups ?? {};
  const isShort = role === undefined && text.length < LEAST_CHARACTERS;
  if (name === undefined || isShort) return [{ text: entry, actor: `token ${digestOf(entry)}` }];
  const actor = `token ${name}`;
  if (role === undefined) return [text, entry].map((each) => ({ text: each, actor }));
  if (ROLES.includes(role)) return [{ text, actor }];
  throw new Error(
    `entry ${nth} is name:role:token with a role that is not known; known is: ${ROLES.join(", ")}. If the whole entry is a token, put a name and a role in front: my-name:operator:TOKEN`,
  );
}

/** Tells tokens without a name apart, and reveals nothing of them. */
function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
