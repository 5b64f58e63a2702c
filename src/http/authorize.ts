import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import type { Credential } from "../model/credential.ts";
import { problem } from "./problem.ts";

/**
 * Lets a request pass that brings one of the tokens, as `Authorization: Bearer TOKEN` or as the password of basic
 * authentication; ArgoCD can send either. Without tokens everything passes.
 */
export function authorize(tokens: readonly string[], failed: FailedAuthentication): MiddlewareHandler {
  const isToken = tokenCheck(tokens);
  return async (c, next) => {
    const header = c.req.header("authorization");
    if (tokens.length === 0 || isToken(presentedToken(header))) return next();
    failed(c, credentialIn(header));
    return problem(
      401,
      unresolved(header) ??
        "Send one of the service's AUTH_TOKENS, or this path's token, as 'Authorization: Bearer TOKEN', or as the password of basic authentication.",
      { "www-authenticate": 'Bearer realm="gh-runner", Basic realm="gh-runner"' },
    );
  };
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

/** Tells whether a text is one of the tokens, in the same time whatever it is. */
export function tokenCheck(tokens: readonly string[]): (text: string) => boolean {
  const digests = tokens.map(digest);
  return (text) => isOneOf(digests, text);
}

/** The token in an `Authorization` header; empty without one. */
export function presentedToken(header: string | undefined): string {
  const [, scheme = "", value = ""] = /^(bearer|basic)\s+(\S+)\s*$/i.exec(header ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return value;
  const userAndPassword = Buffer.from(value, "base64").toString();
  return userAndPassword.slice(userAndPassword.indexOf(":") + 1);
}

/** Compares digests, so that neither content nor length of a token shows in the time it takes, and all of them always. */
function isOneOf(digests: readonly Buffer[], token: string): boolean {
  const candidate = digest(token);
  return digests.reduce((found, each) => timingSafeEqual(each, candidate) || found, false);
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
