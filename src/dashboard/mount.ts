import type { Context, Hono, MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";
import type { Clock } from "../model/clock.ts";
import type { Credential } from "../model/credential.ts";
import type { Overview } from "../model/overview.ts";
import { type Rerun, type RerunOptions, type RerunRejected, type RunStore, StoreUnavailable } from "../model/store.ts";
import { assetPath, mountAssets } from "./assets.ts";
import { type Door, type DoorAddress, openDoor } from "./door.ts";
import type { GitHubWeb } from "./github-web.ts";
import type { Frame } from "./layout.ts";
import { listPage, PAGE_RUNS } from "./list-page.ts";
import { listQuery } from "./list-query.ts";
import type { Live } from "./live.ts";
import { messagePage } from "./message-page.ts";
import { refusedPage } from "./refused-page.ts";
import { runPage } from "./run-page.ts";
import type { AccountState } from "./strip.ts";

export type DashboardNeeds = {
  readonly runs: Pick<RunStore, "list" | "get"> & {
    rerun(id: string, options: Pick<RerunOptions, "evenIfOlder">): Promise<Rerun>;
  };
  readonly overview: Pick<Overview, "activity" | "refused" | "revision">;
  readonly accounts: () => readonly AccountState[];
  readonly live: Live;
  readonly workflows: readonly string[];
  readonly web: GitHubWeb;
  readonly version: string;
  readonly clock: Clock;
  readonly tokens: readonly string[];
  readonly isToken: (text: string) => boolean;
  /** The token in an `Authorization` header. */
  readonly presentedToken: (header: string | undefined) => string;
  readonly address: DoorAddress;
  readonly credentialIn: (header: string | undefined) => Credential;
  /** Told of each sign-in and each request that brought no valid credential. */
  readonly failedAuthentication: (c: Context, credential: Credential) => void;
  readonly addressOf: (c: Context) => string;
  /** A text without tokens. */
  readonly scrub: (text: string) => string;
  /** Told of errors of the service's own. */
  readonly failed: (path: string, error: unknown) => void;
};

/** Mounts the pages: the list of runs at `/`, a run at `/runs/{id}`, what was refused, and the way in and out. */
export function mountDashboard(app: Hono, needs: DashboardNeeds): void {
  const { runs, overview, web, version, clock, live } = needs;
  const door = openDoor(needs);
  const masked = (text: string | undefined) => (text === undefined ? undefined : needs.scrub(text));

  const page = (render: (c: Context, frame: Frame) => Promise<Response>) => async (c: Context) => {
    const still = { version, asset: assetPath, signedIn: door.isSignedIn(c), revision: undefined };
    try {
      // Before anything else is read: what changes meanwhile is then looked for again.
      return await render(c, { ...still, revision: await overview.revision() });
    } catch (error) {
      const here = { href: needs.scrub(c.req.path), text: "Try again" };
      if (error instanceof StoreUnavailable) {
        const text = "The database cannot be read at the moment. Runs go on as far as they can; the log says more.";
        c.header("retry-after", "5");
        return c.html(messagePage(still, "The runs cannot be read", text, here), 503);
      }
      needs.failed(c.req.path, error);
      const text = "Internal error. The log of the service names it.";
      return c.html(messagePage(still, "Something went wrong", text, here), 500);
    }
  };

  const list = page(async (c, frame) => {
    const now = clock.now();
    const { before: cursor, ...filter } = listQuery((each) => masked(c.req.query(each)));
    const [found, activity] = await Promise.all([
      runs.list(filter, { limit: PAGE_RUNS, cursor }),
      overview.activity(now),
    ]);
    const origin = (needs.address.origin ?? new URL(c.req.url).origin) + needs.address.prefixOf(c);
    const { workflows, tokens } = needs;
    const facts = { page: found, activity, accounts: needs.accounts(), workflows, web, origin, now };
    const query = { ...filter, before: cursor };
    return c.html(listPage(frame, { ...facts, query, guarded: tokens.length > 0 }));
  });

  const run = (rejected?: RerunRejected) =>
    page(async (c, frame) => {
      const id = c.req.param("id") ?? "";
      const detail = await runs.get(id);
      if (!detail) {
        const text = "There is no run of this id. Ended runs are kept for RETAIN_DAYS, and then deleted.";
        return c.html(messagePage(frame, "No such run", text, { href: "/", text: "Show all runs" }), 404);
      }
      return c.html(runPage(frame, { detail, web, now: clock.now(), rejected }), rejected === undefined ? 200 : 409);
    });

  const rerun = page(async (c) => {
    const id = c.req.param("id") ?? "";
    const result = await runs.rerun(id, { evenIfOlder: c.req.query("evenIfOlder") === "true" });
    if (result.status === "rejected" || result.status === "notNeeded") return run(result)(c);
    return c.redirect(`/runs/${encodeURIComponent(needs.scrub(id))}`, 303);
  });

  const refused = page(async (c, frame) => c.html(refusedPage(frame, await overview.refused(), clock.now())));

  mountAssets(app);
  app.get("/", PROTECTED, door.guard, list);
  app.get("/runs/:id", PROTECTED, door.guard, run());
  app.post("/runs/:id/rerun", PROTECTED, door.guard, rerun);
  app.get("/refused", PROTECTED, door.guard, refused);
  app.get("/live", door.guard, (c) => live.stream(c, door.viewerOf(c)));
  mountDoor(app, door, version);
}

function mountDoor(app: Hono, door: Door, version: string): void {
  const frame = { version, asset: assetPath, signedIn: false, revision: undefined };
  app.get("/sign-in", PROTECTED, (c) => door.showSignIn(c, frame));
  app.post("/sign-in", PROTECTED, (c) => door.signIn(c, frame));
  app.post("/sign-out", PROTECTED, (c) => door.signOut(c));
}

/** Nothing is loaded but from the service itself, nothing inline is run, and nobody else may frame or keep a page. */
const PROTECTED: MiddlewareHandler = async (c, next) => {
  await headers(c, next);
  c.header("cache-control", "no-store");
};

const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    styleSrc: ["'self'"],
    scriptSrc: ["'self'"],
    imgSrc: ["'self'"],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
    baseUri: ["'none'"],
  },
  xFrameOptions: "DENY",
  // With "no-referrer" browsers would not tell the origin of a POST either.
  referrerPolicy: "same-origin",
  // Whether a name is to be reached by HTTPS alone is for whoever serves HTTPS to say.
  strictTransportSecurity: false,
});
