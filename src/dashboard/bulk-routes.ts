import type { Context, Hono } from "hono";
import type { ListedRun, RunStatus } from "../model/run.ts";
import type { RunFilter } from "../model/store.ts";
import { type Bulk, type BulkResult, confirmPage, resultPage } from "./bulk-page.ts";
import type { ListQuery } from "./list-query.ts";
import { PROTECTED } from "./protected.ts";
import { type Site, within } from "./site.ts";

/** As many as one click re-runs or cancels. */
const MAX_BULK = 500;

/** Running ones take a moment to end. */
const CANCELLED_AT_ONCE = 50;
/** What is not over by then continues, ms. */
const SHOWN_WITHIN_MS = 3000;

/** Mounts what is done with all runs that a filter shows: first the question, with how many they are, then the result. */
export function mountBulkPages(app: Hono, site: Site, queryIn: (c: Context) => ListQuery): void {
  const { runs, clock } = site.shown;

  /** Newest first: when only one run of a group can be queued, it is the newest one. */
  async function found(bulk: Bulk): Promise<{ runs: readonly ListedRun[]; isAll: boolean }> {
    const all: ListedRun[] = [];
    for (const status of statusesOf(bulk)) {
      let cursor: string | undefined;
      do {
        const page = await runs.list({ ...bulk.filter, status }, { limit: 100, cursor });
        all.push(...page.runs);
        cursor = page.next;
      } while (cursor !== undefined && all.length <= MAX_BULK);
    }
    return { runs: all.slice(0, MAX_BULK), isAll: all.length <= MAX_BULK };
  }

  async function carriedOut(action: Bulk["action"], run: ListedRun, actor: string): Promise<BulkResult> {
    if (action === "cancel") {
      const { status = "cancelling" } = (await within(runs.cancel(run.id, actor), clock, SHOWN_WITHIN_MS)) ?? {};
      return { run, isDone: status === "cancelled" || status === "cancelling", reason: REASONS[status] };
    }
    const rerun = await runs.rerun(run.id, { actor });
    if (rerun.status === "queued") return { run, isDone: true, reason: undefined };
    return { run, isDone: false, reason: rerun.status === "unknown" ? REASONS.unknown : rerun.reason };
  }

  const ask = (action: Bulk["action"]) =>
    site.page(async (c, frame) => {
      const bulk = { action, filter: filterIn(c) };
      return c.html(confirmPage(frame, bulk, await found(bulk)));
    });

  const act = (action: Bulk["action"]) =>
    site.page(async (c, frame) => {
      const bulk = { action, filter: filterIn(c) };
      const { runs: all } = await found(bulk);
      const results: BulkResult[] = [];
      // Re-runs one after the other: of a group, the newest comes first.
      const atOnce = action === "rerun" ? 1 : CANCELLED_AT_ONCE;
      for (let at = 0; at < all.length; at += atOnce) {
        const some = all.slice(at, at + atOnce).map((run) => carriedOut(action, run, site.actorOf(c)));
        results.push(...(await Promise.all(some)));
      }
      return c.html(resultPage(frame, bulk, results));
    });

  const filterIn = (c: Context): RunFilter => {
    const { before: _, ...filter } = queryIn(c);
    return filter;
  };

  app.get("/bulk/rerun", PROTECTED, site.guard, ask("rerun"));
  app.post("/bulk/rerun", PROTECTED, site.guard, act("rerun"));
  app.get("/bulk/cancel", PROTECTED, site.guard, ask("cancel"));
  app.post("/bulk/cancel", PROTECTED, site.guard, act("cancel"));
}

const REASONS = {
  cancelled: undefined,
  cancelling: "It ends as soon as its attempt can.",
  ended: "It had ended already.",
  unknown: "It is not there any more.",
} as const;

const OPEN: readonly RunStatus[] = ["queued", "waiting", "running"];

function statusesOf({ action, filter: { status } }: Bulk): readonly RunStatus[] {
  if (action === "rerun") return ["failure"];
  return OPEN.filter((each) => status === undefined || status === each);
}
