import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Context, MiddlewareHandler } from "hono";
import { ANONYMOUS, type CallerToken, type Credential } from "../model/credential.ts";
import { problem } from "./problem.ts";

/**
 * Lets a request pass that brings one of the tokens, as `Authorization: Bearer TOKEN` or as the password of basic
 * authentication; ArgoCD can send either. Without tokens everything passes. Who it was, `actorOf` says from then on.
 */
export function authorize(tokens: readonly CallerToken[], failed: FailedAuthentication): MiddlewareHandler {
  const actorWith = tokenCheck(tokens);
  return async (c, next) => {
    const header = c.req.header("authorization");
    const actor = tokens.length === 0 ? ANONYMOUS : actorWith(presentedToken(header));
    if (actor !== undefined) {
      c.set("actor", actor);
      return next();
    }
    failed(c, credentialIn(header));
    return problem(
      c,
      401,
      unresolved(header) ??
        "Send one of the service's AUTH_TOKENS, or this path's token, as 'Authorization: Bearer TOKEN', or as the password of basic authentication.",
      { "www-authenticate": 'Bearer realm="gh-runner", Basic realm="gh-runner"' },
    );
  };
}

declare module "hono" {
  interface ContextVariableMap {
    /** Who sends a request that was let in. */
    actor: string;
  }
}

/** Who sends a request that was let in: `token argocd`, or `anonymous` where no tokens are set. */
export function actorOf(c: Context): string {
  return c.get("actor") ?? ANONYMOUS;
}

/** Told of each request that brought no valid credential. */
export type FailedAuthentication = (c: Context, credential: Credential) => void;

/** The kind of credential in an `Authorization` header. */
export function credentialIn(header: string | undefined): Credential {
  if (!header) return "none";
  return /^bearer\b/i.test(header) ? "bearer" : /^basic\b/i.test(header) ? "basic" : "other";
}

/** Why a header holds no token at all, where ArgoCD has put none into it. */
function unresolved(header = ""): string | undefined {
  const value = /^basic\b/i.test(header) ? presentedToken(header) : header.replace(/^\S+\s+/, "");
  if (value.startsWith("$")) {
    return "The token in Authorization is an unresolved secret ($…): add that key to argocd-notifications-secret.";
  }
  if (value.includes("<no value>")) {
    return "The token in Authorization is '<no value>': the notification template names a field that does not exist.";
  }
  return undefined;
}

/** Says whose token a text is, in the same time whatever it is; undefined when it is none. */
export function tokenCheck(tokens: readonly CallerToken[]): (text: string) => string | undefined {
  const known = tokens.map(({ text, actor }) => ({ digest: digest(text), actor }));
  return (text) => {
    const given = digest(text);
    return known.reduce<string | undefined>(
      (found, each) => (timingSafeEqual(each.digest, given) ? (found ?? each.actor) : found),
      undefined,
    );
  };
}

/** The token in an `Authorization` header; empty without one. */
export function presentedToken(header: string | undefined): string {
  const [, scheme = "", value = ""] = /^(bearer|basic)\s+(\S+)\s*$/i.exec(header ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return value;
  const userAndPassword = Buffer.from(value, "base64").toString();
  return userAndPassword.slice(userAndPassword.indexOf(":") + 1);
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/**
 * Whether a header such as `sha256=<hex>` is the HMAC of these bytes with one of the keys. Takes as long for a wrong one
 * as for a right one.
 * @param algorithms that count, `["sha256"]`.
 */
export function isSignedWith(
  keys: readonly string[],
  bytes: Uint8Array,
  header: string | undefined,
  algorithms: readonly string[],
): boolean {
  const [, algorithm = "", signature = ""] = /^(\w+)=((?:[0-9a-f]{2})+)$/i.exec(header ?? "") ?? [];
  if (!algorithms.includes(algorithm)) return false;
  const right = keys.map((key) => createHmac(algorithm, key).update(bytes).digest());
  return isOneOf(right, Buffer.from(signature, "hex"));
}

/** Compares with all of them always. Of digests, neither content nor length of a token shows in the time it takes. */
function isOneOf(right: readonly Buffer[], given: Buffer): boolean {
  return right.reduce(
    (found, each) => (each.byteLength === given.byteLength && timingSafeEqual(each, given)) || found,
    false,
  );
}

/**
 * Rejects what a page of another site makes a browser send: the browser may stand inside the network, or be signed in.
 * Callers that are no browsers send none of these headers and are let through; Hono's csrf rejects their `curl -d`.
 * @see https://www.w3.org/TR/fetch-metadata/
 */
export function rejectCrossSite(publicOrigin: string | undefined): MiddlewareHandler {
  return async (c, next) => {
    if (c.req.method === "GET" || c.req.method === "HEAD" || !isCrossSite(c, publicOrigin)) return next();
    return problem(
      c,
      403,
      "A page of another site made a browser send this. Send it from the service's own page, or from a program. If it " +
        "was the service's own page, a proxy has changed the Host header: set PUBLIC_URL to the address that the browser shows.",
    );
  };
}

function isCrossSite(c: Context, publicOrigin: string | undefined): boolean {
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  // Over plain HTTP browsers do not tell the site; with a POST they do tell the origin.
  const origin = c.req.header("origin");
  if (origin === undefined) return false;
  const url = URL.parse(origin);
  return url === null || (url.origin !== publicOrigin && url.host !== c.req.header("host"));
}

/** Longer lists of proxies say nothing more in the log. */
const MAX_FORWARDED_CHARACTERS = 100;

/** For the log: where a request came from, and what it claims to have been forwarded for. Anybody can claim that. */
export function senderOf(
  c: Context,
  scrub: (text: string) => string,
): { readonly address: string; readonly forwarded_for?: string } {
  const forwarded = scrub(c.req.header("x-forwarded-for") ?? "").slice(0, MAX_FORWARDED_CHARACTERS);
  return { address: addressOf(c), ...(forwarded && { forwarded_for: forwarded }) };
}

/** The address that a request came from: the caller's, or that of the proxy in front. */
export function addressOf(c: Context): string {
  return (c.env as { incoming?: IncomingMessage } | undefined)?.incoming?.socket.remoteAddress ?? "";
}
