import { randomUUID } from "node:crypto";
import type { ListedRun, RunStatus } from "../model/run.ts";
import type { Bulk, BulkFilter, BulkResult, Cancel, Rerun, RerunOptions } from "../model/run-actions.ts";
import type { RunStore } from "../model/store.ts";
import type { Who } from "../model/who.ts";

type Parts = {
  readonly store: Pick<RunStore, "list">;
  readonly rerun: (id: string, options: Omit<RerunOptions, "trace">) => Promise<Rerun>;
  readonly cancel: (id: string, who: Who) => Promise<Cancel>;
};

/** The most runs per request, because each one is a transaction. */
const MAX_RUNS = 500;

/** Running runs are cancelled in parallel, because each takes a moment to end. */
const CANCELLED_IN_PARALLEL = 20;

/** In this order, so that no queued run starts when another one ends. */
const OPEN = ["queued", "waiting", "running"] as const satisfies RunStatus[];

type OpenFilter = BulkFilter & { readonly status?: RunStatus | undefined };

/** Re-runs or cancels all runs that a filter matches. */
export function bulkActions({ store, rerun, cancel }: Parts) {
  /** Finds all runs before any action, newest first. */
  async function found(statuses: readonly RunStatus[], filter: BulkFilter) {
    const all: ListedRun[] = [];
    for (const status of statuses) {
      let cursor: string | undefined;
      do {
        const page = await store.list({ ...filter, status }, { limit: 100, cursor });
        all.push(...page.runs);
        cursor = page.next;
      } while (cursor !== undefined && all.length <= MAX_RUNS);
    }
    return { runs: all.slice(0, MAX_RUNS), more: all.length > MAX_RUNS };
  }

  /** The runs to re-run. */
  const rerunnable = ({ status, ...filter }: BulkFilter & { readonly status: RunStatus }) => found([status], filter);

  /** The runs to cancel: all unfinished ones, or those with this status. */
  const cancellable = ({ status, ...filter }: OpenFilter) =>
    found(
      OPEN.filter((each) => status === undefined || status === each),
      filter,
    );

  return {
    rerunnable,
    cancellable,
    /** Newest first: if only one run of a group can be queued, it is the newest one. */
    async rerunAll(filter: Parameters<typeof rerunnable>[0], options: Pick<RerunOptions, "from"> & Who): Promise<Bulk> {
      const { runs, more } = await rerunnable(filter);
      const results: BulkResult[] = [];
      const bulk = randomUUID();
      for (const run of runs) {
        const done = await rerun(run.id, { ...options, bulk });
        if (done.status === "queued") results.push({ run: done.run, result: "queued" });
        else if (done.status === "unknown") results.push({ run, result: "rejected", reason: "It no longer exists." });
        else results.push({ run, result: done.status, reason: done.reason });
      }
      return { results, more };
    },
    async cancelAll(filter: OpenFilter, who: Who): Promise<Bulk> {
      const by = { ...who, bulk: randomUUID() };
      const { runs, more } = await cancellable(filter);
      const results: BulkResult[] = [];
      for (let at = 0; at < runs.length; ) {
        const one = runs[at]?.status !== "running";
        const those = runs.slice(at, at + (one ? 1 : CANCELLED_IN_PARALLEL));
        results.push(...(await Promise.all(those.map((run) => cancelled(run, by)))));
        at += those.length;
      }
      return { results, more };
    },
  };

  async function cancelled(run: ListedRun, who: Who): Promise<BulkResult> {
    const done = await cancel(run.id, who);
    if (done.status === "cancelled" || done.status === "cancelling") return { run: done.run, result: done.status };
    const reason = done.status === "ended" ? `It had already ended: ${done.run.status}.` : "It no longer exists.";
    return { run: done.status === "ended" ? done.run : run, result: "notNeeded", reason };
  }
}
