import type { Context, Hono } from "hono";
import { limitOf, may, whyForbidden } from "../model/access.ts";
import type { Clock } from "../model/clock.ts";
import type { RunStatus } from "../model/run.ts";
import type { Bulk, BulkFilter, RerunOptions } from "../model/run-actions.ts";
import type { RunStore } from "../model/store.ts";
import type { Who } from "../model/who.ts";
import { type Guard, principalOf, whoOf } from "./authorize.ts";
import { type BulkShown, bulkCancelQuerySchema, bulkRerunQuerySchema } from "./bulk-schemas.ts";
import { Rejection } from "./problem.ts";
import { filterOf } from "./run-filter.ts";
import { mustExist, query, shownRun } from "./runs-api.ts";

/** Actions on all runs that match a filter. */
export type BulkActions = {
  rerunAll(filter: BulkFilter & { status: RunStatus }, options: Pick<RerunOptions, "from"> & Who): Promise<Bulk>;
  cancelAll(filter: BulkFilter, who: Who): Promise<Bulk>;
};

/** Mounts `POST /api/runs/rerun` and `POST /api/runs/cancel`. Each takes a filter. */
export function mountBulkApi(
  app: Hono,
  {
    bulk,
    guard,
    clock,
    ...there
  }: {
    bulk: BulkActions;
    runs: Pick<RunStore, "list">;
    workflows: readonly string[];
    guard: Guard;
    clock: Pick<Clock, "now">;
  },
): void {
  /**
   * Rejects a request without a filter: a missing filter must not select all runs of all workflows. Also rejects a
   * status in the text: the query has the status, or the route decides it.
   */
  function narrowed(c: Context, given: Parameters<typeof filterOf>[0], names: string): BulkFilter {
    const { id: _, status, ...filter } = filterOf(given, clock.now());
    if (status !== undefined) throw new Rejection(400, "text must not have a status: remove it.");
    const isNarrow = Object.entries(filter).some(([name, value]) => name !== "until" && value !== undefined);
    if (!isNarrow) throw new Rejection(400, `The query must select runs: give ${names}.`);
    const { workflow } = filter;
    const principal = principalOf(c);
    if (workflow !== undefined && !may(principal.grants, "operate", workflow))
      throw new Rejection(403, whyForbidden(principal, "operate", workflow));
    return { ...filter, ...limitOf(principal.grants, "operate") };
  }

  app.post("/api/runs/rerun", guard("operate"), async (c) => {
    const { from, status, ...given } = query(c, bulkRerunQuerySchema);
    const filter = { ...narrowed(c, given, "since, workflow, group or text"), status };
    await mustExist(filter.workflow, there);
    return c.json(shownBulk(await bulk.rerunAll(filter, { from, ...whoOf(c) })));
  });

  app.post("/api/runs/cancel", guard("operate"), async (c) => {
    const filter = narrowed(c, query(c, bulkCancelQuerySchema), "workflow, group, since or text");
    await mustExist(filter.workflow, there);
    return c.json(shownBulk(await bulk.cancelAll(filter, whoOf(c))));
  });
}

function shownBulk({ results, more }: Bulk): BulkShown {
  return { runs: results.map(({ run, result, reason }) => ({ run: shownRun(run), result, reason })), more };
}
