import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { problem } from "./problem.ts";

/**
 * Lets a request pass that brings one of the tokens, as `Authorization: Bearer TOKEN` or as the password of basic
 * authentication; ArgoCD can send either. Without tokens everything passes.
 */
export function authorize(tokens: readonly string[]): MiddlewareHandler {
  const digests = tokens.map(digest);
  return async (c, next) => {
    if (digests.length === 0 || isOneOf(digests, presented(c.req.header("authorization")))) return next();
    return problem(
      401,
      "Send one of the service's AUTH_TOKENS, or the token that this path has of its own, as 'Authorization: Bearer TOKEN', or as the password of basic authentication.",
      { "www-authenticate": 'Bearer realm="gh-runner", Basic realm="gh-runner"' },
    );
  };
}

function presented(header: string | undefined): string {
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
