import { createHash, timingSafeEqual } from "node:crypto";
import {
  type Access,
  anonymous,
  type CallerToken,
  type Identified,
  type Identify,
  type Presented,
} from "../model/access.ts";
import type { Credential } from "../model/credential.ts";

/**
 * A way to identify a caller. Undefined: the request has no credential of this kind. Another way may know a credential
 * that is `unknown` to this one.
 */
export type Way = (presented: Presented) => Identified | undefined | Promise<Identified | undefined>;

/**
 * Identifies callers by AUTH_TOKENS, then by the other ways, in order. Without any of them, everyone may do everything.
 */
export function openAccess(tokens: readonly CallerToken[], further: readonly Way[] = []): Access {
  const isOpen = tokens.length === 0 && further.length === 0;
  return {
    isOpen,
    identify: isOpen
      ? ({ address }) => ({ status: "known", principal: anonymous(address) })
      : firstOf([byToken(tokens), ...further]),
    identifyWith: (its) => firstOf([byToken(its())]),
  };
}

function firstOf(ways: readonly Way[]): Identify {
  return (presented) => {
    let failed: Identified | undefined;
    for (const [at, way] of ways.entries()) {
      const found = way(presented);
      if (found instanceof Promise) return found.then((known) => later(presented, ways.slice(at + 1), known, failed));
      if (found?.status === "known") return found;
      failed = telling(failed, found);
    }
    return failed ?? NOTHING;
  };
}

async function later(
  presented: Presented,
  ways: readonly Way[],
  found: Identified | undefined,
  failedBefore: Identified | undefined,
): Promise<Identified> {
  if (found?.status === "known") return found;
  let failed = telling(failedBefore, found);
  for (const way of ways) {
    const known = await way(presented);
    if (known?.status === "known") return known;
    failed = telling(failed, known);
  }
  return failed ?? NOTHING;
}

const NOTHING: Identified = { status: "unknown", credential: "none" };

/** Chooses the more helpful of two failures: first "try later", then one with a reason, then the first one. */
function telling(first: Identified | undefined, second: Identified | undefined): Identified | undefined {
  if (!first || !second) return first ?? second;
  const weight = (each: Identified) => (each.status === "later" ? 2 : each.status === "unknown" && each.reason ? 1 : 0);
  return weight(second) > weight(first) ? second : first;
}

/**
 * Identifies a caller by a token: `Authorization: Bearer TOKEN`, or the password of basic authentication. ArgoCD can
 * send both.
 */
function byToken(tokens: readonly CallerToken[]): Way {
  const tokenOf = tokenCheck(tokens);
  return ({ authorization, address }) => {
    if (authorization === undefined) return undefined;
    const found = tokenOf(presentedToken(authorization));
    const credential = credentialIn(authorization);
    if (found === undefined) return { status: "unknown", credential, reason: unresolved(authorization) };
    return { status: "known", principal: { grants: found.grants, actor: found.actor, via: credential, address } };
  };
}

/** Finds the token that equals a text. Takes the same time for a wrong text as for a right one. */
export function tokenCheck(tokens: readonly CallerToken[]): (text: string) => CallerToken | undefined {
  const known = tokens.map((token) => ({ digest: digest(token.text), token }));
  return (text) => {
    const given = digest(text);
    return known.reduce<CallerToken | undefined>(
      (found, each) => (timingSafeEqual(each.digest, given) ? (found ?? each.token) : found),
      undefined,
    );
  };
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** The kind of credential in an `Authorization` header. */
export function credentialIn(header: string): Credential {
  if (header === "") return "none";
  return /^bearer\b/i.test(header) ? "bearer" : /^basic\b/i.test(header) ? "basic" : "other";
}

/** The token in an `Authorization` header; empty if there is none. */
export function presentedToken(header: string): string {
  const [, scheme = "", value = ""] = /^(bearer|basic)\s+(\S+)\s*$/i.exec(header) ?? [];
  if (scheme.toLowerCase() === "bearer") return value;
  const userAndPassword = Buffer.from(value, "base64").toString();
  return userAndPassword.slice(userAndPassword.indexOf(":") + 1);
}

/** The reason if ArgoCD sent a header without a resolved token. */
function unresolved(header: string): string | undefined {
  const value = /^basic\b/i.test(header) ? presentedToken(header) : header.replace(/^\S+\s+/, "");
  if (value.startsWith("$")) {
    return "The token in Authorization is an unresolved secret ($…): add that key to argocd-notifications-secret.";
  }
  if (value.includes("<no value>")) {
    return "The token in Authorization is '<no value>': the notification template names a field that does not exist.";
  }
  return undefined;
}
