import type { Context, Hono } from "hono";
import type { Clock } from "../model/clock.ts";
import type { CallerToken } from "../model/credential.ts";
import type { Overview } from "../model/overview.ts";
import { type Rerun, type RerunOptions, type RerunRejected, type RunStore, StoreUnavailable } from "../model/store.ts";
import type { BrokenFile } from "../model/workflow.ts";
import { mountAssets } from "./assets.ts";
import { type Callbacks, mountCallbackPages } from "./callback-pages.ts";
import type { AccountState } from "./cards.ts";
import { type Entrance, openDoor } from "./door.ts";
import type { GitHubWeb } from "./github-web.ts";
import { type Frame, messagePage } from "./layout.ts";
import { listPage, listQuery, PAGE_RUNS } from "./list-page.ts";
import type { Live } from "./live.ts";
import { PROTECTED } from "./protected.ts";
import { rejectedPage } from "./rejected-page.ts";
import { runPage } from "./run-page.ts";

/** What the pages show, and change. */
type Shown = {
  /** False: there are the pages of callbacks alone, which are for people who may see nothing else. */
  readonly dashboard: boolean;
  readonly callbacks: Callbacks;
  readonly runs: Pick<RunStore, "list" | "get"> & {
    rerun(id: string, options: Pick<RerunOptions, "evenIfOlder">): Promise<Rerun>;
  };
  readonly overview: Pick<Overview, "activity" | "rejected" | "revision">;
  readonly accounts: () => readonly AccountState[];
  readonly live: Live;
  readonly workflows: readonly string[];
  readonly broken: readonly BrokenFile[];
  readonly web: GitHubWeb;
  readonly version: string;
  readonly clock: Clock;
  readonly tokens: readonly CallerToken[];
  /** A text without tokens. */
  readonly scrub: (text: string) => string;
  /** Told of internal errors. */
  readonly failed: (path: string, error: unknown) => void;
};

/** Mounts the pages: the list of runs at `/`, a run at `/runs/{id}`, what was rejected, and the way in and out. */
export function mountDashboard(app: Hono, entrance: Entrance, shown: Shown): void {
  const { runs, overview, accounts, live, workflows, broken, web, version, clock, tokens, scrub, failed } = shown;
  const { address } = entrance;
  const door = openDoor(entrance, { tokens, scrub, clock });
  const still: Frame = { version, signedIn: false, revision: undefined };

  mountAssets(app);
  mountCallbackPages(app, { callbacks: shown.callbacks, version, now: clock.now, actorOf: door.signedIn, failed });
  if (!shown.dashboard) return;

  const page = (render: (c: Context, frame: Frame) => Promise<Response>) => async (c: Context) => {
    const frame = { ...still, signedIn: door.isSignedIn(c) };
    try {
      // Before anything else is read: what changes meanwhile is then looked for again.
      return await render(c, { ...frame, revision: await overview.revision() });
    } catch (error) {
      const here = { href: scrub(c.req.path), text: "Try again" };
      if (error instanceof StoreUnavailable) {
        const text = "The database cannot be read at the moment. Runs go on as far as they can; the log says more.";
        c.header("retry-after", "5");
        return c.html(messagePage(frame, "The runs cannot be read", text, here), 503);
      }
      failed(c.req.path, error);
      const text = "Internal error. The log of the service names it.";
      return c.html(messagePage(frame, "Something went wrong", text, here), 500);
    }
  };

  const list = page(async (c, frame) => {
    const now = clock.now();
    const query = listQuery((each) => {
      const text = c.req.query(each);
      return text === undefined ? undefined : scrub(text);
    });
    const { before: cursor, ...filter } = query;
    const [found, activity] = await Promise.all([
      runs.list(filter, { limit: PAGE_RUNS, cursor }),
      overview.activity(now),
    ]);
    const origin = (address.origin ?? new URL(c.req.url).origin) + address.prefixOf(c);
    const guarded = tokens.length > 0;
    const facts = { query, page: found, activity, accounts: accounts(), workflows, broken, web, origin, guarded, now };
    return c.html(listPage(frame, facts));
  });

  const run = (rejected?: RerunRejected) =>
    page(async (c, frame) => {
      const detail = await runs.get(c.req.param("id") ?? "");
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
    return c.redirect(`/runs/${encodeURIComponent(scrub(id))}`, 303);
  });

  const rejected = page(async (c, frame) => c.html(rejectedPage(frame, await overview.rejected(), clock.now())));

  app.get("/", PROTECTED, door.guard, list);
  app.get("/runs/:id", PROTECTED, door.guard, run());
  app.post("/runs/:id/rerun", PROTECTED, door.guard, rerun);
  app.get("/refused", PROTECTED, door.guard, rejected);
  app.get("/live", door.guard, (c) => live.stream(c, door.viewerOf(c)));
  app.get("/sign-in", PROTECTED, (c) => door.showSignIn(c, still));
  app.post("/sign-in", PROTECTED, (c) => door.signIn(c, still));
  app.post("/sign-out", PROTECTED, (c) => door.signOut(c));
}
