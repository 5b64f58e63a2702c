import type { Context, Hono } from "hono";
import { StoreUnavailable } from "../model/store.ts";
import { mountAssets } from "./assets.ts";
import { mountBulkPages } from "./bulk-routes.ts";
import { mountCallbackPages } from "./callback-pages.ts";
import { type Entrance, isRead, openDoor, pageOf } from "./door.ts";
import { type Frame, messagePage } from "./layout.ts";
import { listPage, PAGE_RUNS } from "./list-page.ts";
import { listQuery } from "./list-query.ts";
import { previewQuery } from "./preview-query.ts";
import { PAGE_PREVIEWS, previewsPage } from "./previews-page.ts";
import { PROTECTED } from "./protected.ts";
import { rejectedPage } from "./rejected-page.ts";
import { mountRunPages } from "./run-routes.ts";
import type { Shown, Site } from "./site.ts";
import { mountWorkflowPages } from "./workflow-routes.ts";

/** Mounts the pages: runs, workflows, what was rejected, callbacks, and the way in and out. */
export function mountDashboard(app: Hono, entrance: Entrance, shown: Shown): void {
  const { runs, overview, live, workflows, web, version, clock, tokens, scrub, failed } = shown;
  const { address } = entrance;
  const door = openDoor(entrance, { tokens, scrub, clock });
  const still = (): Frame => ({ version, signedIn: false, revision: undefined, paused: [], now: clock.now() });

  mountAssets(app);
  mountCallbackPages(app, { callbacks: shown.callbacks, frame: still, actorOf: door.signedIn, scrub, failed });
  if (!shown.dashboard) return;

  const page: Site["page"] = (render) => async (c) => {
    const frame = { ...still(), signedIn: door.isSignedIn(c) };
    try {
      // Before anything else is read: what changes meanwhile is then looked for again.
      const revision = await overview.revision();
      const [paused, outage] = await Promise.all([workflows.paused(), shown.outage()]);
      return await render(c, { ...frame, revision, paused, outage });
    } catch (error) {
      const reads = isRead(c.req.method);
      const here = { href: scrub(pageOf(c)), text: reads ? "Try again" : "See how it is now" };
      if (error instanceof StoreUnavailable) {
        const text = "Runs continue as far as they can; the log says more.";
        const [heading, what] = reads
          ? ["The runs cannot be read", "The database cannot be read at the moment."]
          : [
              "This is not confirmed",
              "The database cannot be used at the moment. Look whether it was done, or do it again.",
            ];
        c.header("retry-after", "5");
        return c.html(messagePage(frame, heading, `${what} ${text}`, here), 503);
      }
      failed(c.req.path, error);
      const text = "Internal error. The log of the service names it.";
      return c.html(messagePage(frame, "Something went wrong", text, here), 500);
    }
  };

  const list = page(async (c, frame) => {
    const { now } = frame;
    const query = queryIn(c);
    const { before: cursor, ...filter } = query;
    const [found, activity] = await Promise.all([
      runs.list(filter, { limit: PAGE_RUNS, cursor }),
      overview.activity(now),
    ]);
    const origin = (address.origin ?? new URL(c.req.url).origin) + address.prefixOf(c);
    const guarded = tokens.length > 0;
    const names = workflows.all.map(({ name }) => name);
    const facts = { query, page: found, activity, accounts: shown.accounts(), workflows: names, web, origin, guarded };
    return c.html(listPage(frame, { ...facts, broken: workflows.broken, now }));
  });

  /** What stands under a name in the query, without tokens. */
  const scrubbed = (c: Context) => (each: string) => {
    const text = c.req.query(each);
    return text === undefined ? undefined : scrub(text);
  };
  const queryIn = (c: Context) => listQuery(scrubbed(c));

  const previewList = page(async (c, frame) => {
    const query = previewQuery(scrubbed(c));
    const { before: cursor, ...filter } = query;
    const { list: find, follows, prefixes, argocdUrl } = shown.previews;
    const found = await find(filter, { limit: PAGE_PREVIEWS, cursor });
    return c.html(previewsPage(frame, { query, page: found, follows, prefixes, argocdUrl, web, now: frame.now }));
  });

  const rejected = page(async (c, frame) => c.html(rejectedPage(frame, await overview.rejected(), frame.now)));

  app.get("/", PROTECTED, door.guard, list);
  app.get("/previews", PROTECTED, door.guard, previewList);
  app.get("/refused", PROTECTED, door.guard, rejected);
  app.get("/live", door.guard, (c) => live.stream(c, door.viewerOf(c)));
  app.get("/sign-in", PROTECTED, (c) => door.showSignIn(c, still()));
  app.post("/sign-in", PROTECTED, (c) => door.signIn(c, still()));
  app.post("/sign-out", PROTECTED, (c) => door.signOut(c));
  const site: Site = { shown, page, guard: door.guard, actorOf: door.actorOf };
  mountRunPages(app, site);
  mountBulkPages(app, site, queryIn);
  mountWorkflowPages(app, site);
}
