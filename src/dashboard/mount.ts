import type { Context, Hono } from "hono";
import { limitOf, may, mayRead, whoIs } from "../model/access.ts";
import { ALL_WORKFLOWS } from "../model/run-actions.ts";
import { StoreUnavailable } from "../model/store.ts";
import type { Who } from "../model/who.ts";
import { assetsIn, mountAssets } from "./assets.ts";
import { mountAudit } from "./audit-page.ts";
import { mountBulkPages } from "./bulk-routes.ts";
import { mountCallbackPages } from "./callback-pages.ts";
import { type Entrance, isRead, openDoor, pageOf } from "./door.ts";
import { mountEvents } from "./events-routes.ts";
import { type Frame, type Look, messagePage } from "./layout.ts";
import { listQuery } from "./list-query.ts";
import { mountList } from "./list-routes.ts";
import { liveState } from "./live-state.ts";
import { mountLogPages } from "./log-routes.ts";
import { previewQuery } from "./preview-query.ts";
import { PAGE_PREVIEWS, previewsPage } from "./previews-page.ts";
import { PROTECTED } from "./protected.ts";
import { ANY_READER, readerOf } from "./reader.ts";
import { zoneOf } from "./reader-zone.ts";
import { mountRunPages } from "./run-routes.ts";
import { mountSignIn } from "./sign-in-routes.ts";
import type { Shown, Site } from "./site.ts";
import { mountWorkflowPages } from "./workflow-routes.ts";

/** Mounts all pages: runs, previews, workflows, events, the audit log, callbacks, and sign-in and sign-out. */
export function mountDashboard(app: Hono, entrance: Entrance, shown: Shown): void {
  const { runs, overview, live, workflows, web, version, clock, scrub, failed } = shown;
  const { address, access, principalOf } = entrance;
  const { name, color, time } = shown.installation;
  const look: Look = { name, time, assets: assetsIn(color) };
  const still = (): Frame => ({
    look,
    version,
    reader: ANY_READER,
    signedIn: false,
    revision: undefined,
    paused: [],
    failures: 0,
    zone: "UTC",
    now: clock.now(),
  });

  const frameOf = (c: Context): Frame => ({
    ...still(),
    reader: readerOf(principalOf(c), access.isOpen),
    signedIn: door.hasSession(c),
    zone: zoneOf(c),
  });
  const door = openDoor(entrance, { scrub, frameOf, still });
  mountAssets(app, look.assets);
  const answering = async (c: Context): Promise<Who> => {
    const principal = await door.signedIn(c);
    return principal ? whoIs(principal) : { actor: ANY_BEARER, address: entrance.addressOf(c) };
  };
  mountCallbackPages(app, { callbacks: shown.callbacks, frame: still, whoOf: answering, scrub, failed });
  if (!shown.dashboard) return;

  const page: Site["page"] = (render) => async (c) => {
    const frame = frameOf(c);
    const { may } = frame.reader;
    const [isReader, isWhole] = [may("read"), may("read-all")];
    try {
      // The revision is read first. If something changes while the page is rendered, the page then updates again.
      const revision = await overview.revision();
      const [paused, outage, failures] = await Promise.all([
        workflows.paused(),
        isWhole ? shown.outage() : undefined,
        isWhole ? overview.failures(frame.now - FAILURES_OF_MS) : 0,
      ]);
      const its = paused.filter(({ workflow }) => workflow === ALL_WORKFLOWS || may("read", workflow));
      return await render(c, { ...frame, revision: isReader ? revision : undefined, paused: its, outage, failures });
    } catch (error) {
      const reads = isRead(c.req.method);
      const here = { href: scrub(pageOf(c)), text: reads ? "Try again" : "Show the current state" };
      if (error instanceof StoreUnavailable) {
        const text = "Runs continue where possible. The service’s log has the details.";
        const [heading, what] = reads
          ? ["The runs cannot be read", "The database is not available at the moment."]
          : [
              "This is not confirmed",
              "The database is not available at the moment. Check whether this was done, or do it again.",
            ];
        c.header("retry-after", "5");
        return c.html(messagePage(frame, heading, `${what} ${text}`, here), 503);
      }
      failed(c.req.path, error);
      const text = "Internal error. The service’s log has the details.";
      return c.html(messagePage(frame, "Something went wrong", text, here), 500);
    }
  };

  /** The value of a query parameter, without tokens. */
  const scrubbed = (c: Context) => (each: string) => {
    const text = c.req.query(each);
    return text === undefined ? undefined : scrub(text);
  };
  const queryIn = (c: Context) => listQuery(scrubbed(c));

  const previewList = page(async (c, frame) => {
    const query = previewQuery(scrubbed(c));
    const { before: cursor, ...filter } = query;
    const limit = limitOf(principalOf(c).grants, "read");
    const { list: find, follows, prefixes, argocdUrl } = shown.previews;
    const found = await find({ ...filter, ...limit }, { limit: PAGE_PREVIEWS, cursor });
    return c.html(previewsPage(frame, { query, page: found, follows, prefixes, argocdUrl, web, now: frame.now }));
  });

  const { guard } = door;
  app.get("/previews", PROTECTED, guard("read"), previewList);
  app.get("/live/state", guard("read"), async (c) => {
    const principal = principalOf(c);
    const isWhole = may(principal.grants, "read-all");
    const failures = isWhole ? await overview.failures(clock.now() - FAILURES_OF_MS) : 0;
    const get = async (id: string) => {
      const detail = await runs.get(id);
      return detail && mayRead(principal, detail.run) ? detail : undefined;
    };
    return liveState(c, look, { failures, get });
  });
  app.get("/live", guard("read"), (c) => live.stream(c, door.viewerOf(c), () => door.mayStill(c, "read")));
  const { signIn, notSignedIn } = shown;
  mountSignIn(app, entrance, {
    ...{ signIn, notSignedIn, signedIn: door.signedIn, record: shown.audit.note, scrub, still, failed },
  });
  const whoOf = (c: Context) => whoIs(principalOf(c));
  const site: Site = {
    ...{ shown, page, guard, principalOf, whoOf, isGuarded: !access.isOpen, originOf: address.urlOf },
    forbidden: door.forbidden,
  };
  mountList(app, site, queryIn);
  mountEvents(app, site);
  mountAudit(app, site);
  mountRunPages(app, site);
  mountLogPages(app, site);
  mountBulkPages(app, site, queryIn);
  mountWorkflowPages(app, site);
}

/** The actor of an answer to a callback without a session. */
const ANY_BEARER = "callback";

/** The icon and the title show failures of this length of time. */
const FAILURES_OF_MS = 3_600_000;
