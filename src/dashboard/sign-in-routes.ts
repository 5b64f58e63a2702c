import type { Context, Hono } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { html } from "hono/html";
import type { CookieOptions } from "hono/utils/cookie";
import { listed, may, type Principal, whoIs } from "../model/access.ts";
import type { AuditNote } from "../model/audit.ts";
import type { Credential } from "../model/credential.ts";
import { type OpenedSession, type SignIn, SignInFailed } from "../model/sign-in.ts";
import { StoreUnavailable } from "../model/store.ts";
import type { Entrance } from "./door.ts";
import { type Frame, layout, messagePage } from "./layout.ts";
import { openTo } from "./protected.ts";
import { sentForm } from "./sent-form.ts";
import { name } from "./shown.ts";
import { askAgainPage, signInPage } from "./sign-in-page.ts";

type Parts = {
  readonly signIn: SignIn;
  /** The person of the session. Undefined without a session. */
  readonly signedIn: (c: Context) => Promise<Principal | undefined>;
  readonly scrub: (text: string) => string;
  readonly still: () => Frame;
  /** Records each sign-in and sign-out. */
  readonly record: (entry: AuditNote) => Promise<void>;
  /** Reports internal errors. */
  readonly failed: (path: string, error: unknown) => void;
  /** Reports why a person was not signed in. */
  readonly notSignedIn: (facts: { method: string; reason: string; address: string }) => void;
};

/** Enough for a form with one token. */
const MAX_FORM_BYTES = 16_384;

/** Mounts the pages for sign-in, sign-out and the session. */
export function mountSignIn(app: Hono, entrance: Entrance, parts: Parts): void {
  const { address, addressOf, access, session, failedAuthentication } = entrance;
  const { signIn, signedIn, scrub, still, record, failed, notSignedIn } = parts;
  const attributes = (c: Context): CookieOptions => {
    const forwarded = c.req.header("x-forwarded-proto")?.split(",")[0]?.trim();
    const secure = forwarded === "https" || (address.origin ?? c.req.url).startsWith("https:");
    return { path: address.prefixOf(c) || "/", httpOnly: true, sameSite: "Strict", secure };
  };
  const open = async (c: Context, { secret, seconds, ...who }: OpenedSession) => {
    setCookie(c, session.nameOf(c), secret, { ...attributes(c), maxAge: Math.floor(seconds) });
    await record({ ...whoIs({ ...who, address: addressOf(c) }), action: "sign-in" });
  };

  /** The cookie of a sign-in at another service. The browser returns from another site, so it cannot be SameSite=Strict. */
  const carried = {
    nameOf: (c: Context) => session.nameOf(c).replace("session", "sign-in"),
    attributes: (c: Context): CookieOptions => ({
      ...{ ...attributes(c), path: `${address.prefixOf(c)}/sign-in`, sameSite: "Lax" },
    }),
  };

  /** Handles a request, and shows a page with the reason if it fails. */
  const page = (handle: (c: Context) => Promise<Response> | Response) => async (c: Context) => {
    try {
      return await handle(c);
    } catch (error) {
      const again = { href: "/sign-in", text: "Sign in" };
      if (error instanceof StoreUnavailable) {
        c.header("retry-after", "5");
        const text =
          "The database is not available at the moment, so you cannot sign in or out. Runs continue where possible.";
        return c.html(messagePage(still(), "Try again soon", text, again), 503);
      }
      if (!(error instanceof SignInFailed)) {
        failed(c.req.path, error);
        const text = "Internal error. The service’s log has the details.";
        return c.html(messagePage(still(), "Something went wrong", text, again), 500);
      }
      const method = c.req.param("method") ?? "";
      notSignedIn({ method, reason: scrub(error.message), address: addressOf(c) });
      if (error.kind !== "unavailable") failedAuthentication(c, `${method}_sign_in` as Credential);
      else c.header("retry-after", "30");
      return c.html(failedPage(still(), error, scrub(error.message)), STATUS[error.kind]);
    }
  };

  const nextIn = (c: Context) => localPath(scrub(c.req.query("next") ?? "/"));

  app.get(
    "/sign-in",
    openTo("it asks who you are"),
    page(async (c) => {
      const next = nextIn(c);
      if (access.isOpen || (await signedIn(c))) return c.redirect(next, 303);
      if (c.req.header("sec-fetch-site") === "cross-site") return c.html(askAgainPage(next));
      return c.html(signInPage(still(), signIn, next));
    }),
  );
  app.post(
    "/sign-in",
    openTo("it takes a token"),
    page(async (c) => {
      const form = await sentForm(c, MAX_FORM_BYTES);
      const next = localPath(scrub(form?.get("next") ?? "/"));
      const opened = await signIn.withToken((form?.get("token") ?? "").trim(), addressOf(c));
      if (opened === undefined) {
        failedAuthentication(c, "sign_in_form");
        return c.html(signInPage(still(), signIn, next, { isWrong: true }), 403);
      }
      if ("status" in opened) {
        c.header("retry-after", String(opened.retryAfterSeconds));
        return c.html(
          messagePage(still(), "Try again soon", opened.reason, { href: "/sign-in", text: "Sign in" }),
          opened.http,
        );
      }
      await open(c, opened);
      return c.redirect(next, 303);
    }),
  );
  for (const { name: method } of signIn.methods) {
    app.get(
      `/sign-in/:method{${method}}`,
      openTo("it sends you to where you sign in"),
      page(async (c) => {
        const { location, carried: sealed, seconds } = await signIn.begin(method, nextIn(c));
        setCookie(c, carried.nameOf(c), sealed, { ...carried.attributes(c), maxAge: seconds });
        return c.redirect(location, 303);
      }),
    );
    app.get(
      `/sign-in/:method{${method}}/callback`,
      openTo("a code of the other service, and a cookie of this browser"),
      page(async (c) => {
        const sealed = getCookie(c, carried.nameOf(c));
        deleteCookie(c, carried.nameOf(c), carried.attributes(c));
        const opened = await signIn.finish(method, new URL(c.req.url).searchParams, sealed);
        await open(c, opened);
        return c.html(askAgainPage(opened.next));
      }),
    );
  }
  app.get(
    "/session",
    openTo("the session of the one who asks"),
    page(async (c) => {
      const principal = await signedIn(c);
      if (!principal) return c.redirect("/sign-in?next=%2Fsession", 303);
      return c.html(sessionPage({ ...still(), signedIn: true }, principal));
    }),
  );
  app.post(
    "/sign-out",
    openTo("it ends the session of the one who asks"),
    page(async (c) => {
      const secret = session.in(c);
      const form = await sentForm(c, MAX_FORM_BYTES);
      const principal = await signedIn(c);
      // Before the cookie is deleted: if this fails, the person can try again.
      if (secret !== undefined) await signIn.end(secret);
      deleteCookie(c, session.nameOf(c), attributes(c));
      if (principal && form?.get("everywhere") === "yes") {
        const ended = await signIn.endAll(principal.actor);
        await record({ ...whoIs(principal), action: "sign-out-everywhere", details: `${ended + 1} sessions` });
      } else if (principal) await record({ ...whoIs(principal), action: "sign-out" });
      return c.redirect("/sign-in", 303);
    }),
  );
}

const STATUS = { unavailable: 503, denied: 403, invalid: 400 } as const;

function failedPage(frame: Frame, { kind }: SignInFailed, reason: string) {
  const heading = kind === "denied" ? "You have no access" : "You are not signed in";
  const advice = {
    unavailable: "Try again in a moment. Sessions and tokens still work.",
    denied: "Ask an operator of this service for a role.",
    invalid: "Start again, and do not use the browser’s back button.",
  }[kind];
  const sentence = reason.slice(0, 1).toUpperCase() + reason.slice(1);
  return messagePage(frame, heading, `${sentence}. ${advice}`, { href: "/sign-in", text: "Sign in again" });
}

/** Shows who is signed in, with buttons to sign out. */
function sessionPage(frame: Frame, { actor, grants, via }: Principal) {
  const roles = grants.map(({ role, workflows }) => (workflows ? `${role} of ${listed(workflows, "and")}` : role));
  return layout(
    "Your session",
    undefined,
    frame,
    html`<div class="message"><h1>Your session</h1>
<p>You are signed in as <strong>${name(actor)}</strong>, ${roles.length > 1 ? "with the roles" : "with the role"} ${roles.join(", ")}.</p>
<form method="post" action="/sign-out" class="buttons leave"><button>Sign out</button>
<button name="everywhere" value="yes">Sign out everywhere</button></form>
<p class="note">Signing out everywhere ends all sessions of ${name(actor)}, in every browser.${
      via === "sign_in_form" ? " This also signs out everyone else who used this token." : ""
    }</p>${may(grants, "read") ? html`<p><a href="/">Show all runs</a></p>` : ""}</div>`,
  );
}

const BASE = "http://service.invalid";

/** The page to open after a sign-in: always a page of this service. */
function localPath(path: string): string {
  const url = URL.parse(path, BASE);
  const pages = /^\/($|(previews|events|runs|workflows|bulk|session|audit)($|\/))/;
  if (url?.origin !== BASE || !pages.test(url.pathname)) return "/";
  return url.pathname + url.search;
}
