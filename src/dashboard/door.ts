import type { Context, Next } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { html } from "hono/html";
import { ANONYMOUS, type CallerToken, type Credential } from "../model/credential.ts";
import { type Frame, layout } from "./layout.ts";
import { sentForm } from "./sent-form.ts";
import { SESSION_SECONDS, sessions } from "./session.ts";

/** How the pages know an address and a caller: as the API does. */
export type Entrance = {
  readonly address: {
    readonly origin: string | undefined;
    prefixOf(c: Context): string;
  };
  readonly addressOf: (c: Context) => string;
  /** Whose token a text is; undefined when it is none. */
  readonly actorWith: (token: string) => string | undefined;
  /** The token in an `Authorization` header. */
  readonly presentedToken: (header: string | undefined) => string;
  readonly credentialIn: (header: string | undefined) => Credential;
  /** Told of each sign-in and each request that brought no valid credential. */
  readonly failedAuthentication: (c: Context, credential: Credential) => void;
};

/** Enough for a form with one token. */
const MAX_FORM_BYTES = 16_384;

/** Who may see the pages, and how they come in and go out. */
export function openDoor(
  { address, addressOf, actorWith, presentedToken, credentialIn, failedAuthentication }: Entrance,
  {
    tokens,
    scrub,
    clock,
  }: { tokens: readonly CallerToken[]; scrub: (text: string) => string; clock: { now(): number } },
) {
  const isToken = (text: string) => actorWith(text) !== undefined;
  const { open, actorIn } = sessions(tokens, { isToken, now: clock.now });
  const nameOf = (c: Context) => cookieName(c, address.origin);
  const sessionOf = (c: Context) => getCookie(c, nameOf(c));
  const signedIn = (c: Context) => (tokens.length === 0 ? undefined : actorIn(sessionOf(c) ?? ""));
  const isSignedIn = (c: Context) => signedIn(c) !== undefined;
  const visitor = (c: Context) => signedIn(c) ?? actorWith(presentedToken(c.req.header("authorization")));
  const attributes = (c: Context) => {
    const forwarded = c.req.header("x-forwarded-proto")?.split(",")[0]?.trim();
    const secure = forwarded === "https" || (address.origin ?? c.req.url).startsWith("https:");
    return { path: address.prefixOf(c) || "/", httpOnly: true, sameSite: "Strict", secure } as const;
  };

  return {
    isSignedIn,
    /** Who has a session; undefined without one. */
    signedIn,
    /** Who sends a request that the guard has let in: `token argocd`, or `anonymous` where no tokens are set. */
    actorOf: (c: Context): string => visitor(c) ?? ANONYMOUS,
    /** Identifies a viewer: the session, the credential or the address. */
    viewerOf(c: Context): string {
      if (tokens.length === 0) return addressOf(c);
      return isSignedIn(c) ? (sessionOf(c) ?? "") : presentedToken(c.req.header("authorization"));
    },
    async guard(c: Context, next: Next) {
      const authorization = c.req.header("authorization");
      if (tokens.length === 0 || visitor(c) !== undefined) return next();
      const brought = sessionOf(c) === undefined ? credentialIn(authorization) : "cookie";
      if (brought !== "none") failedAuthentication(c, brought);
      // A browser may bring what a proxy in front has asked for. To be asked for a password here too would lock it out.
      const isBrowser = /text\/(html|event-stream)/.test(c.req.header("accept") ?? "");
      if ((authorization !== undefined && !isBrowser) || c.req.path === "/live") {
        const scheme = isBrowser ? "Bearer" : "Basic";
        return c.text("Send one of the service's AUTH_TOKENS.\n", 401, {
          "www-authenticate": `${scheme} realm="gh-runner"`,
        });
      }
      return c.redirect(`/sign-in?next=${encodeURIComponent(scrub(pageOf(c)))}`, 303);
    },
    showSignIn(c: Context, frame: Frame) {
      const next = localPath(scrub(c.req.query("next") ?? "/"));
      if (tokens.length === 0 || isSignedIn(c)) return c.redirect(next, 303);
      if (c.req.header("sec-fetch-site") === "cross-site") return c.html(askAgainPage(next));
      return c.html(signInPage(frame, next));
    },
    async signIn(c: Context, frame: Frame) {
      const form = await sentForm(c, MAX_FORM_BYTES);
      const next = localPath(scrub(form?.get("next") ?? "/"));
      const session = open((form?.get("token") ?? "").trim());
      if (session === undefined) {
        failedAuthentication(c, "sign_in_form");
        return c.html(signInPage(frame, next, { isWrong: true }), 403);
      }
      setCookie(c, nameOf(c), session, { ...attributes(c), maxAge: SESSION_SECONDS });
      return c.redirect(next, 303);
    },
    signOut(c: Context) {
      deleteCookie(c, nameOf(c), attributes(c));
      return c.redirect("/sign-in", 303);
    },
  };
}

/**
 * Browsers send a cookie to every port of a host, so the name of a session has its port: several can be forwarded. A
 * proxy may pass on Host without the port, which PUBLIC_URL then has.
 */
function cookieName(c: Context, publicOrigin: string | undefined): string {
  const port = new URL(c.req.url).port || new URL(publicOrigin ?? c.req.url).port;
  return port === "" ? "gh-runner-session" : `gh-runner-session-${port}`;
}

/** The page that a request asks for, or that has the form which it sends: its path and query. */
export function pageOf({ req }: Context): string {
  if (!isRead(req.method)) {
    if (req.path.startsWith("/workflows/")) return "/workflows";
    const [run] = /^\/runs\/[^/]+/.exec(req.path) ?? [];
    if (run !== undefined) return run;
  }
  return req.path + new URL(req.url).search;
}

export const isRead = (method: string): boolean => method === "GET" || method === "HEAD";

const BASE = "http://service.invalid";

/** Where signing in leads: always a page of this service. */
function localPath(path: string): string {
  const url = URL.parse(path, BASE);
  if (url?.origin !== BASE || !/^\/($|refused$|runs\/|workflows($|\/)|bulk\/)/.test(url.pathname)) return "/";
  return url.pathname + url.search;
}

/** @param next the path that follows. */
function signInPage(frame: Frame, next: string, { isWrong = false } = {}) {
  const wrong = html`<p class="error" id="wrong" role="alert">Wrong token.</p>`;
  const marked = html` aria-invalid="true" aria-describedby="wrong"`;
  return layout(
    "Sign in",
    undefined,
    frame,
    html`<div class="message sign-in"><h1>Sign in</h1>
<form method="post" action="/sign-in">
<input type="hidden" name="next" value="${next}">
<label for="token">One of the service’s tokens (<code>AUTH_TOKENS</code>)</label>
${isWrong ? wrong : ""}
<input type="password" id="token" name="token" required autofocus autocomplete="current-password"
 spellcheck="false"${isWrong ? marked : ""}>
<button class="primary">Sign in</button>
</form>
<p class="note">You stay signed in for 7 days in this browser, or until the token is withdrawn.</p></div>`,
  );
}

/**
 * A link on another site comes without the session, which belongs to this site alone. From this page the browser asks
 * again, and then brings it.
 */
function askAgainPage(path: string) {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>gh-runner</title>
<meta http-equiv="refresh" content="0;url=${path}"></head>
<body><p><a href="${path}">Go on</a></p></body></html>`;
}
