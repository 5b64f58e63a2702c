import type { NewRun } from "../../model/new-run.ts";
import { isPending, latestOfPace } from "../queries.ts";
import type { RunRow } from "../rows.ts";
import { type Paced, paceOf, spacedOut, withoutReplaced } from "../rules/pace.ts";
import { asJson, type Sql } from "./connect.ts";
import type { Names } from "./names.ts";

/** Reads and writes for runs that share a rate. */

const isOfPace = (run: string) => `${run}.pace IS NOT NULL AND md5(${run}.pace) = md5($1)`;

export type Paces = {
  /** The latest runs that share the event's rate, newest first; undefined without a rate. */
  latest(event: NewRun): Paced | undefined;
  /** The run of a debounced workflow without groups that is not due yet. */
  debounced(event: NewRun): RunRow | undefined;
  /** An event has become a run, in this transaction. */
  add(event: NewRun, run: RunRow, superseded: RunRow | undefined): void;
};

/** The locks of events that share a rate but have no group. A group has its lock already. */
export function paceLocks(events: readonly NewRun[]): readonly string[] {
  return events
    .flatMap((event) => (event.group === undefined ? (paceOf(event) ?? []) : []))
    .map((pace) => `pace\n${pace}`);
}

/** Reads the rates of these events, which are locked. */
export async function pacesOf(sql: Sql, { schema }: Names, events: readonly NewRun[]): Promise<Paces> {
  const limits = new Map<string, number>();
  for (const event of events) {
    const pace = paceOf(event);
    if (pace !== null) limits.set(pace, Math.max(limits.get(pace) ?? 1, event.order?.throttle?.limit ?? 1));
  }
  const latest = new Map<string, Paced>();
  const debounced = new Map<string, RunRow>();
  await Promise.all(
    [...limits].map(async ([pace, limit]) => {
      const [rows, [pending]] = await Promise.all([
        sql(latestOfPace({ schema, isOfPace }), [pace, limit + events.length]),
        sql(
          `SELECT * FROM ${schema}.runs WHERE ${isOfPace("runs")} AND ${isPending("runs")} AND slot IS NULL
           ORDER BY seq DESC LIMIT 1 FOR NO KEY UPDATE`,
          [pace],
        ),
      ]);
      latest.set(
        pace,
        rows.map(({ id, at, is_queued }) => ({ id: id as string, at: at as number, isQueued: is_queued === 1 })),
      );
      if (pending) debounced.set(pace, pending as RunRow);
    }),
  );
  const isDebounced = (event: NewRun) => event.order?.debounceMs !== undefined && event.group === undefined;
  return {
    latest: (event) => latest.get(paceOf(event) ?? ""),
    debounced: (event) => (isDebounced(event) ? debounced.get(paceOf(event) ?? "") : undefined),
    add(event, run, superseded) {
      const pace = paceOf(event);
      if (pace === null) return;
      const others = withoutReplaced(latest.get(pace) ?? [], superseded?.id);
      const mine = { id: run.id, at: run.begun_at ?? run.due_at ?? 0, isQueued: run.status === "queued" };
      latest.set(
        pace,
        [mine, ...others].toSorted((a, b) => b.at - a.at),
      );
      if (isDebounced(event)) debounced.set(pace, run);
    },
  };
}

/** The rest are updated when these have started. */
const MOST_PENDING = 1000;

/**
 * Runs with a rate have started, so the runs behind them are due when they may start. A run that another process is
 * about to claim is not changed.
 */
export async function spaceOut(sql: Sql, { schema }: Names, claimed: readonly RunRow[]): Promise<void> {
  const paces = new Map(claimed.map((row) => [row.pace, row]));
  for (const [pace, row] of paces) {
    const [begun, pending] = await Promise.all([
      sql(
        `SELECT begun_at FROM ${schema}.runs WHERE ${isOfPace("runs")} AND begun_at IS NOT NULL
         ORDER BY begun_at DESC LIMIT $2`,
        [pace, row.throttle_limit],
      ),
      sql(
        `SELECT seq, due_at FROM ${schema}.runs WHERE ${isOfPace("runs")} AND ${isPending("runs")}
         ORDER BY due_at, seq LIMIT ${MOST_PENDING} FOR NO KEY UPDATE SKIP LOCKED`,
        [pace],
      ),
    ]);
    const times = begun.map(({ begun_at }) => begun_at as number);
    const late = spacedOut(row, times, pending as Pick<RunRow, "seq" | "due_at">[]);
    if (late.length === 0) continue;
    void sql(
      `UPDATE ${schema}.runs SET due_at = late.due_at
       FROM json_to_recordset($1) AS late (seq bigint, due_at bigint) WHERE runs.seq = late.seq`,
      [asJson(late)],
    );
  }
}
