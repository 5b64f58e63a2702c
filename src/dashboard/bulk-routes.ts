import type { Context, Hono } from "hono";
import type { ListedRun, RunStatus } from "../model/run.ts";
import type { RunFilter } from "../model/store.ts";
import { type Bulk, type BulkResult, confirmPage, resultPage } from "./bulk-page.ts";
import type { ListQuery } from "./list-query.ts";
import { PROTECTED } from "./protected.ts";
import type { Site } from "./site.ts";

/** As many as one click re-runs or cancels. */
const MAX_BULK = 500;

/** Mounts what is done with all runs that a filter shows: first the question, with how many they are, then the result. */
export function mountBulkPages(app: Hono, site: Site, queryIn: (c: Context) => ListQuery): void {
  const { runs } = site.shown;

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
      const { status } = await runs.cancel(run.id, actor);
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
      for (const run of all) results.push(await carriedOut(action, run, site.actorOf(c)));
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
