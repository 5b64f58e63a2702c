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

/** Accepts requests whose sender has a permission: `guard("read")`. */
export type Guard = (permission: Permission, asked?: Asked) => MiddlewareHandler;

/** More conditions of a route. */
type Asked = {
  /** The workflow that a request is for. Undefined: no particular one. */
  readonly workflowOf?: (c: Context) => string | undefined;
  /** Accepts callers too: the route shows them the runs that they started. */
  readonly ownRuns?: true;
};

/** The answers to rejected requests. */
type Answers = {
  /** The request has no valid credential, or the credential cannot be checked now. */
  readonly unidentified: (c: Context, found: Unidentified) => Response | Promise<Response>;
  readonly forbidden: (c: Context, reason: string) => Response | Promise<Response>;
};

type Unidentified = Exclude<Identified, { status: "known" }>;

/**
 * Creates a guard. It passes requests whose sender has the permission. `principalOf(c)` then returns the sender.
 */
export function guardWith(
  identify: Identify,
  sessionOf: (c: Context) => string | undefined,
  { unidentified, forbidden }: Answers,
): Guard {
  return (permission, { workflowOf, ownRuns } = {}) => {
    const suffices: Permission = ownRuns ? "self" : permission;
    return withAccess({ permission, ownRuns }, async (c: Context, next: Next) => {
      const asked = identify(presentedBy(c, sessionOf));
      const found = asked instanceof Promise ? await asked : asked;
      if (found.status !== "known") {
        // A page answers a read with the sign-in form, which is no rejection.
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

/** The API's answers to rejected requests. */
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
    /** The sender of a request that a guard accepted. */
    principal: Principal;
    /** Set when a 404 hides something: a run that the sender may not read, or a wrong secret in a URL. */
    hidden: true;
  }
}

/** The sender of a request, and what they may do: nothing if the request passed no guard. */
export function principalOf(c: Context): Principal {
  return c.get("principal") ?? { grants: [], actor: ANONYMOUS, via: "none", address: addressOf(c) };
}

/** The sender's name: `token argocd`, or `anonymous` if everyone has access. */
export function actorOf(c: Context): string {
  return principalOf(c).actor;
}

/** The sender, for the records of what they do. */
export function whoOf(c: Context): Who {
  return whoIs(principalOf(c));
}

/** Called for each request without a valid credential. */
export type FailedAuthentication = (c: Context, credential: Credential) => void;

/**
 * Reads the secret of a session from its cookie. Browsers send a cookie to every port of a host, so the cookie's name contains
 * the port. Then several services can be forwarded to one machine. A proxy may drop the port from Host; PUBLIC_URL has it.
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
 * Whether a header such as `sha256=<hex>` is the HMAC of these bytes with one of the keys. The check of a wrong signature takes
 * the same time.
 * @param algorithms that are accepted, `["sha256"]`.
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

/** The same. If no key matches, it reads the keys again: the sender may have a new key before the service does. */
export async function isSignedWithOneOf(
  keys: Renewable<readonly string[]>,
  ...signed: [bytes: Uint8Array, header: string | undefined, algorithms: readonly string[]]
): Promise<boolean> {
  if (isSignedWith(keys.now(), ...signed)) return true;
  if (signed[1] === undefined) return false;
  await keys.refresh();
  return isSignedWith(keys.now(), ...signed);
}

/** Always compares with all of them. These are digests, so the time does not reveal the content or the length of a key. */
function isOneOf(right: readonly Buffer[], given: Buffer): boolean {
  return right.reduce(
    (found, each) => (each.byteLength === given.byteLength && timingSafeEqual(each, given)) || found,
    false,
  );
}

/**
 * Rejects requests that a page of another site makes a browser send: the browser may be inside the network or signed in.
 * Callers that are not browsers send none of these headers and pass. Hono's csrf would reject their `curl -d`.
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
  // Over plain HTTP, browsers do not send the site. With a POST, they do send the origin.
  const origin = c.req.header("origin");
  if (origin === undefined) return false;
  const url = URL.parse(origin);
  return url === null || (url.origin !== publicOrigin && url.host !== c.req.header("host"));
}

/** The log does not need longer lists of proxies. */
const MAX_FORWARDED_CHARACTERS = 100;

/** For the log: the address of a request, and its X-Forwarded-For header. Any client can send that header. */
export function senderOf(
  c: Context,
  scrub: (text: string) => string,
): { readonly address: string; readonly forwarded_for?: string } {
  const forwarded = scrub(c.req.header("x-forwarded-for") ?? "").slice(0, MAX_FORWARDED_CHARACTERS);
  return { address: addressOf(c), ...(forwarded && { forwarded_for: forwarded }) };
}

/** The client's address: as trusted proxies report it, otherwise the peer of the connection. */
export function addressOf(c: Context): string {
  return (c.env as RequestEnvironment | undefined)?.client ?? peerOf(c);
}

/** The address of the connection's peer: the client, or the proxy in front. */
function peerOf(c: Context): string {
  return incomingOf(c)?.socket.remoteAddress ?? "";
}

/** Node's request, and the client's address if it is not the connection's peer. */
export type RequestEnvironment = { readonly incoming?: IncomingMessage; client?: string };

const incomingOf = (c: Context) => (c.env as RequestEnvironment | undefined)?.incoming;
