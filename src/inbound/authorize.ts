import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { problem } from "./problem.ts";

/**
 * Lets a request pass that brings one of the tokens, as `Authorization: Bearer TOKEN` or as the password of basic
 * authentication; ArgoCD can send either. Without tokens everything passes.
 */
export function authorize(tokens: readonly string[]): MiddlewareHandler {
  const isToken = tokenCheck(tokens);
  return async (c, next) => {
    if (tokens.length === 0 || isToken(presentedToken(c.req.header("authorization")))) return next();
    return problem(
      401,
      "Send one of the service's AUTH_TOKENS, or the token that this path has of its own, as 'Authorization: Bearer TOKEN', or as the password of basic authentication.",
      { "www-authenticate": 'Bearer realm="gh-runner", Basic realm="gh-runner"' },
    );
  };
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
