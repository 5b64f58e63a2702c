import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Context, MiddlewareHandler, Next } from "hono";
import { getCookie } from "hono/cookie";
import {
  type Identified,
  type Identify,
  may,
  type Permission,
  type Presented,
  type Principal,
  whoIs,
  whyForbidden,
} from "../model/access.ts";
import { ANONYMOUS, type Credential } from "../model/credential.ts";
import type { Renewable } from "../model/renewable.ts";
import { withAccess } from "../model/route-access.ts";
import type { Who } from "../model/who.ts";
import { problem, Rejection } from "./problem.ts";

/** Lets in who has a permission, as `guard("read")`. */
export type Guard = (permission: Permission, asked?: Asked) => MiddlewareHandler;

/** More of what a route asks for. */
type Asked = {
  /** The workflow that a request is for; undefined: none in particular. */
  readonly workflowOf?: (c: Context) => string | undefined;
  /** Lets in callers, too: the route shows them what they have started. */
  readonly own?: true;
};

/** What is answered to requests that are not let in. */
type Answers = {
  /** To one that brings nothing valid, or that cannot be checked now. */
  readonly unidentified: (c: Context, found: Unidentified) => Response | Promise<Response>;
  readonly forbidden: (c: Context, reason: string) => Response | Promise<Response>;
};

type Unidentified = Exclude<Identified, { status: "known" }>;

/**
 * What guards routes: a request passes that comes from one who has the permission. Who that is, `principalOf(c)` says from then
 * on.
 */
export function guardWith(
  identify: Identify,
  sessionOf: (c: Context) => string | undefined,
  { unidentified, forbidden }: Answers,
): Guard {
  return (permission, { workflowOf, own } = {}) => {
    const suffices: Permission = own ? "self" : permission;
    return withAccess({ permission, own }, async (c: Context, next: Next) => {
      const asked = identify(presentedBy(c, sessionOf));
      const found = asked instanceof Promise ? await asked : asked;
      if (found.status !== "known") {
        // A page answers it with the way to sign in.
        if (!isRead(c.req.method)) c.set("credential", found.credential);
        return unidentified(c, found);
      }
      const { principal } = found;
      c.set("principal", principal);
      const workflow = workflowOf?.(c);
      if (may(principal.grants, suffices, workflow)) return next();
      return forbidden(c, whyForbidden(principal, permission, workflow));
    });
  };
}

/** What the API answers. */
export function apiAnswers(failed: FailedAuthentication): Answers {
  return {
    unidentified(c, found) {
      failed(c, found.credential);
      if (found.status === "later")
        return problem(c, found.http, found.reason, { "retry-after": String(found.retryAfterSeconds) });
      return problem(
        c,
        401,
        found.reason ??
          "No valid token was sent. Send one of the service's AUTH_TOKENS, or this path's token, as 'Authorization: Bearer TOKEN' or as the password of basic authentication.",
        { "www-authenticate": 'Bearer realm="gh-runner", Basic realm="gh-runner"' },
      );
    },
    forbidden(_, reason) {
      throw new Rejection(403, reason);
    },
  };
}

const isRead = (method: string) => method === "GET" || method === "HEAD";

function presentedBy(c: Context, sessionOf: (c: Context) => string | undefined): Presented {
  const { req } = c;
  return {
    authorization: req.header("authorization"),
    get session() {
      return sessionOf(c);
    },
    address: addressOf(c),
    peer: peerOf(c),
    get rawHeaders() {
      return incomingOf(c)?.rawHeaders ?? [];
    },
  };
}

declare module "hono" {
  interface ContextVariableMap {
    /** Who sends a request that was let in. */
    principal: Principal;
    /** Set where the answer is 404 to one who is not let in: to a run of another workflow, or with a secret that is none. */
    hidden: true;
  }
}

/** Who sends a request that was let in, and what they may do: nothing, where no guard was passed. */
export function principalOf(c: Context): Principal {
  return c.get("principal") ?? { grants: [], actor: ANONYMOUS, via: "none", address: addressOf(c) };
}

/** The name of who sends a request that was let in: `token argocd`, or `anonymous` where everyone is. */
export function actorOf(c: Context): string {
  return principalOf(c).actor;
}

/** The same, as what they do is recorded. */
export function whoOf(c: Context): Who {
  return whoIs(principalOf(c));
}

/** Told of each request that brought no valid credential. */
export type FailedAuthentication = (c: Context, credential: Credential) => void;

/**
 * The secret of a session, out of its cookie. Browsers send a cookie to every port of a host, so the name of a session has
 * its port: several can be forwarded. A proxy may pass on Host without the port, which PUBLIC_URL then has.
 */
export function sessionCookie(publicOrigin: string | undefined) {
  const nameOf = (c: Context): string => {
    const port = new URL(c.req.url).port || new URL(publicOrigin ?? c.req.url).port;
    return port === "" ? "gh-runner-session" : `gh-runner-session-${port}`;
  };
  return {
    nameOf,
    in: (c: Context): string | undefined =>
      c.req.header("cookie") === undefined ? undefined : getCookie(c, nameOf(c)),
  };
}

/**
 * Whether a header such as `sha256=<hex>` is the HMAC of these bytes with one of the keys. Takes as long for a wrong one
 * as for a right one.
 * @param algorithms that count, `["sha256"]`.
 */
function isSignedWith(
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

/** The same, and if it is not, again with keys that are read again: the sender may have a new key before the service has. */
export async function isSignedWithOneOf(
  keys: Renewable<readonly string[]>,
  ...signed: [bytes: Uint8Array, header: string | undefined, algorithms: readonly string[]]
): Promise<boolean> {
  if (isSignedWith(keys.now(), ...signed)) return true;
  if (signed[1] === undefined) return false;
  await keys.refresh();
  return isSignedWith(keys.now(), ...signed);
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
    if (isRead(c.req.method) || !isCrossSite(c, publicOrigin)) return next();
    return problem(
      c,
      403,
      "A page of another site made a browser send this. Send it from the service's pages or from a program. If it did " +
        "come from the service's pages, a proxy has changed the Host header: set PUBLIC_URL to the address in the browser.",
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

/** The address of the client: as trusted proxies report it, and else who has opened the connection. */
export function addressOf(c: Context): string {
  return (c.env as RequestEnvironment | undefined)?.client ?? peerOf(c);
}

/** Who has opened the connection: the client, or the proxy in front. */
function peerOf(c: Context): string {
  return incomingOf(c)?.socket.remoteAddress ?? "";
}

/** What comes with a request: Node's, and the client's address where that is not the connection's. */
export type RequestEnvironment = { readonly incoming?: IncomingMessage; client?: string };

const incomingOf = (c: Context) => (c.env as RequestEnvironment | undefined)?.incoming;
