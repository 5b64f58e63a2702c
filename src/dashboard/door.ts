import type { Context, MiddlewareHandler } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { Credential } from "../model/credential.ts";
import type { Frame } from "./layout.ts";
import { SESSION_SECONDS, sessions } from "./session.ts";
import { askAgainPage, signInPage } from "./sign-in-page.ts";

/** Who may see the pages, and how they come in and go out. */
export type Door = {
  readonly guard: MiddlewareHandler;
  isSignedIn(c: Context): boolean;
  /** What tells viewers apart: the session, the credential or the address. */
  viewerOf(c: Context): string;
  showSignIn(c: Context, frame: Frame): Response | Promise<Response>;
  signIn(c: Context, frame: Frame): Promise<Response>;
  signOut(c: Context): Response;
};

const COOKIE = "gh-runner-session";

/** Of a form with one token in it; nobody needs more. */
const MAX_FORM_BYTES = 16_384;

export function openDoor({
  tokens,
  isToken,
  presentedToken,
  credentialIn,
  failedAuthentication: failed,
  addressOf,
  scrub,
  clock,
}: {
  tokens: readonly string[];
  isToken: (text: string) => boolean;
  presentedToken: (header: string | undefined) => string;
  credentialIn: (header: string | undefined) => Credential;
  failedAuthentication: (c: Context, credential: Credential) => void;
  addressOf: (c: Context) => string;
  scrub: (text: string) => string;
  clock: { now(): number };
}): Door {
  const { open, isOpen } = sessions(tokens, { isToken, now: clock.now });
  const isSignedIn = (c: Context) => tokens.length > 0 && isOpen(getCookie(c, COOKIE) ?? "");

  return {
    isSignedIn,
    viewerOf(c) {
      if (tokens.length === 0) return addressOf(c);
      return isSignedIn(c) ? (getCookie(c, COOKIE) ?? "") : presentedToken(c.req.header("authorization"));
    },
    async guard(c, next) {
      const authorization = c.req.header("authorization");
      if (tokens.length === 0 || isSignedIn(c) || isToken(presentedToken(authorization))) return next();
      const brought = getCookie(c, COOKIE) === undefined ? credentialIn(authorization) : "cookie";
      if (brought !== "none") failed(c, brought);
      if (authorization !== undefined || c.req.path === "/live") {
        return c.text("Send one of the service's AUTH_TOKENS.\n", 401, {
          "www-authenticate": 'Basic realm="gh-runner"',
        });
      }
      const { pathname, search } = new URL(c.req.url);
      const goOn = c.req.method === "GET" ? pathname + search : pathname.replace(/\/rerun$/, "");
      return c.redirect(`/sign-in?next=${encodeURIComponent(scrub(goOn))}`, 303);
    },
    showSignIn(c, frame) {
      const next = localPath(scrub(c.req.query("next") ?? "/"));
      if (tokens.length === 0 || isSignedIn(c)) return c.redirect(next, 303);
      if (c.req.header("sec-fetch-site") === "cross-site") return c.html(askAgainPage(next));
      return c.html(signInPage(frame, next, false));
    },
    async signIn(c, frame) {
      const form = await formOf(c);
      const next = localPath(scrub(form.get("next") ?? "/"));
      const session = open((form.get("token") ?? "").trim());
      if (session === undefined) {
        failed(c, "sign_in_form");
        return c.html(signInPage(frame, next, true), 403);
      }
      setCookie(c, COOKIE, session, { ...attributes(c), maxAge: SESSION_SECONDS });
      return c.redirect(next, 303);
    },
    signOut(c) {
      deleteCookie(c, COOKIE, attributes(c));
      return c.redirect("/sign-in", 303);
    },
  };
}

function attributes(c: Context) {
  const forwarded = c.req.header("x-forwarded-proto")?.split(",")[0]?.trim();
  const secure = forwarded === "https" || new URL(c.req.url).protocol === "https:";
  return { path: "/", httpOnly: true, sameSite: "Strict", secure } as const;
}

/** Where to go on after signing in: a page of this service, whatever the link says. */
function localPath(path: string): string {
  const url = URL.parse(path, BASE);
  if (url?.origin !== BASE || !/^\/($|refused$|runs\/)/.test(url.pathname)) return "/";
  return url.pathname + url.search;
}

const BASE = "http://service.invalid";

async function formOf(c: Context): Promise<URLSearchParams> {
  if (!(Number(c.req.header("content-length") ?? Number.NaN) <= MAX_FORM_BYTES)) return new URLSearchParams();
  // Whoever hung up in the middle of it has sent no token.
  return new URLSearchParams(await c.req.text().catch(() => ""));
}
