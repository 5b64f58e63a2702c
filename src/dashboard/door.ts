import type { Context, MiddlewareHandler } from "hono";
import type { Access, Identified, Permission, Principal } from "../model/access.ts";
import { type Credential, SIGN_INS } from "../model/credential.ts";
import { type Frame, messagePage } from "./layout.ts";

/** What the pages share with the API: how to find a request's address and its sender. */
export type Entrance = {
  readonly address: {
    readonly origin: string | undefined;
    prefixOf(c: Context): string;
    /** The service's address for the sender of a request: `https://ci.example/gh-runner`. */
    urlOf(c: Context): string;
  };
  readonly addressOf: (c: Context) => string;
  readonly access: Access;
  readonly guardWith: (answers: {
    unidentified(c: Context, found: Unidentified): Response | Promise<Response>;
    forbidden(c: Context, reason: string): Response | Promise<Response>;
  }) => Guard;
  /** The sender of a request that a guard accepted. */
  readonly principalOf: (c: Context) => Principal;
  /** The cookie of a session. */
  readonly session: { nameOf(c: Context): string; in(c: Context): string | undefined };
  /** Called for each sign-in and each request without a valid credential. */
  readonly failedAuthentication: (c: Context, credential: Credential) => void;
  /** Called for each rejected request of a known sender. */
  readonly rejected: (c: Context, status: number, reason: string) => void;
};

/** Accepts requests whose sender has a permission, possibly for one workflow. */
export type Guard = (
  permission: Permission,
  asked?: { readonly workflowOf?: (c: Context) => string | undefined; readonly ownRuns?: true },
) => MiddlewareHandler;

type Unidentified = Exclude<Identified, { status: "known" }>;

/** Decides who may see the pages. */
export function openDoor(
  { addressOf, access, guardWith, principalOf, session, failedAuthentication, rejected }: Entrance,
  { scrub, frameOf, still }: { scrub: (text: string) => string; frameOf: (c: Context) => Frame; still: () => Frame },
) {
  /** The sender's session, on a page that needs none. Undefined without a session. */
  const signedIn = async (c: Context): Promise<Principal | undefined> => {
    const secret = session.in(c);
    if (secret === undefined || access.isOpen) return undefined;
    const brought = { authorization: undefined, session: secret, address: addressOf(c), peer: "", rawHeaders: [] };
    const found = await access.identify(brought);
    return found.status === "known" ? found.principal : undefined;
  };
  /** Whether an accepted sender has a session, which they can end. */
  const hasSession = (c: Context) => session.in(c) !== undefined && SIGN_INS.includes(principalOf(c).via);

  function forbidden(c: Context, reason: string) {
    rejected(c, 403, reason);
    const frame = frameOf(c);
    const home = frame.reader.may("read") ? { href: "/", text: "Show all runs" } : undefined;
    return c.html(messagePage(frame, "You are not allowed to do this", reason, home), 403);
  }

  /** Whether a guard would still accept the sender. True while that cannot be checked. */
  async function mayStill(c: Context, permission: Permission): Promise<boolean> {
    let passes = false;
    const answers = {
      unidentified(_: Context, { status }: Unidentified) {
        passes = status === "later";
        return new Response();
      },
      forbidden: () => new Response(),
    };
    await guardWith(answers)(permission)(c, async () => {
      passes = true;
    });
    return passes;
  }

  return {
    mayStill,
    signedIn,
    hasSession,
    forbidden,
    /** Identifies a viewer: by the session, or by address and name. */
    viewerOf: (c: Context): string =>
      hasSession(c) ? (session.in(c) ?? "") : `${addressOf(c)} ${principalOf(c).actor}`,
    guard: guardWith({
      unidentified(c, found) {
        const authorization = c.req.header("authorization");
        if (found.credential !== "none") failedAuthentication(c, found.credential);
        // A browser may send credentials that a proxy in front asked for. If this asked for a password too, the browser would replace
        // them, and the proxy would lock it out.
        const isBrowser = /text\/(html|event-stream)/.test(c.req.header("accept") ?? "");
        if (found.status === "later") {
          c.header("retry-after", String(found.retryAfterSeconds));
          if (!isBrowser || c.req.path.startsWith("/live")) return c.text(`${found.reason}\n`, found.http);
          const here = { href: scrub(pageOf(c)), text: "Try again" };
          return c.html(messagePage(still(), "Try again soon", found.reason, here), found.http);
        }
        if ((authorization !== undefined && !isBrowser) || c.req.path.startsWith("/live")) {
          const scheme = isBrowser ? "Bearer" : "Basic";
          return c.text("No valid token was sent. Send one of the service's AUTH_TOKENS.\n", 401, {
            "www-authenticate": `${scheme} realm="gh-runner"`,
          });
        }
        return c.redirect(`/sign-in?next=${encodeURIComponent(scrub(pageOf(c)))}`, 303);
      },
      forbidden,
    }),
  };
}

/** Path and query of the page that a request asks for, or of the page with the form that it sends. */
export function pageOf({ req }: Context): string {
  if (!isRead(req.method)) {
    if (req.path.startsWith("/workflows/")) return "/workflows";
    const [run] = /^\/runs\/[^/]+/.exec(req.path) ?? [];
    if (run !== undefined) return run;
  }
  return req.path + new URL(req.url).search;
}

export const isRead = (method: string): boolean => method === "GET" || method === "HEAD";
