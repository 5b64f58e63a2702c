import type { Hono, MiddlewareHandler } from "hono";
import type { RunStatus } from "../model/run.ts";
import type { Bulk, BulkFilter, RerunOptions } from "../model/run-actions.ts";
import type { RunStore } from "../model/store.ts";
import { actorOf } from "./authorize.ts";
import { type BulkShown, bulkCancelQuerySchema, bulkRerunQuerySchema } from "./bulk-schemas.ts";
import { Rejection } from "./problem.ts";
import { mustExist, query, shownRun } from "./runs-api.ts";

/** What is done with all runs that a filter finds. */
export type BulkActions = {
  rerunAll(filter: BulkFilter & { status: RunStatus }, options: Pick<RerunOptions, "from" | "actor">): Promise<Bulk>;
  cancelAll(filter: BulkFilter, actor: string): Promise<Bulk>;
};

/** Mounts `POST /api/runs/rerun` and `POST /api/runs/cancel`, with a filter each. */
export function mountBulkApi(
  app: Hono,
  {
    bulk,
    guard,
    ...there
  }: {
    bulk: BulkActions;
    runs: Pick<RunStore, "list">;
    workflows: readonly string[];
    guard: MiddlewareHandler;
  },
): void {
  app.post("/api/runs/rerun", guard, async (c) => {
    const { from, ...filter } = query(c, bulkRerunQuerySchema);
    mustNarrow(filter, "since, workflow or group");
    await mustExist(filter.workflow, there);
    return c.json(shownBulk(await bulk.rerunAll(filter, { from, actor: actorOf(c) })));
  });

  app.post("/api/runs/cancel", guard, async (c) => {
    const filter = query(c, bulkCancelQuerySchema);
    mustNarrow(filter, "workflow, group or since");
    await mustExist(filter.workflow, there);
    return c.json(shownBulk(await bulk.cancelAll(filter, actorOf(c))));
  });
}

/** All runs of all workflows are never meant by leaving the filter out. */
function mustNarrow({ workflow, group, since }: BulkFilter, names: string): void {
  if (workflow !== undefined || group !== undefined || since !== undefined) return;
  throw new Rejection(400, `The query must say which runs: give ${names}.`);
}

function shownBulk({ results, more }: Bulk): BulkShown {
  return { runs: results.map(({ run, result, reason }) => ({ run: shownRun(run), result, reason })), more };
}
