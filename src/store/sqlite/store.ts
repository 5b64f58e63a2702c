import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { Clock } from "../../model/clock.ts";
import type { Run } from "../../model/run.ts";
import {
  type Accepted,
  type Claim,
  type NewRun,
  type Rerun,
  type RerunOptions,
  type RunStore,
  type Settlement,
  StoreUnavailable,
  WRONG_CLOCK_MS,
} from "../../model/store.ts";
import { interrupting, isSuspect } from "../interrupt.ts";

import { overview } from "../overview.ts";
import { dueRuns } from "../queries.ts";
import { runReads } from "../reads.ts";
import { clean, type Row, runOf, stepOf } from "../rows.ts";

import { byDue, heldByWrongClock, rerunProblem } from "../rules.ts";
import { addFinds, asking } from "./asking.ts";
import { batchedWrites, isOutage } from "./batch.ts";
import { sqliteLimitLog } from "./limit-log.ts";
import { cannot, openSqlite } from "./open.ts";

/**
 * The store in one SQLite file, for one process. It is alone on the file, so whatever the file says is running when it
 * is opened was interrupted: such runs are due again.
 * @param folder undefined: in memory, for a process that runs one event.
 * @throws Error that says what to do when the folder cannot be used.
 */
export function openSqliteStore(
  folder: string | undefined,
  clock: Pick<Clock, "now" | "monotonic">,
  warn: (warning: string) => void = () => {},
): RunStore {
  const { db, missing, warnings, close } = openSqlite(folder);
  for (const warning of warnings) warn(warning);
  addFinds(db);
  const batched = batchedWrites(db, missing);

  /** Differs when somebody has set the clock. */
  const clockOffset = () => Math.round(clock.now() - clock.monotonic());
  let followed = clockOffset();
  /** When the clock is set, what waits still waits for as long as it was to. */
  function followClock(): void {
    const by = clockOffset() - followed;
    if (Math.abs(by) < CLOCK_SET_MS) return;
    followed += by;
    batched(
      () =>
        change("UPDATE runs SET due_at = due_at + ?1, retries_from = retries_from + ?1 WHERE status = 'queued'", by),
      { flush: false },
    ).catch(() => {
      followed -= by;
    });
  }
  const write: typeof batched = (work, durability) => {
    followClock();
    return batched(work, durability);
  };

  const read = <T>(work: () => T) => reading(db, work);

  const prepared = new Map<string, StatementSync>();
  const sql = (text: string): StatementSync => {
    const known = prepared.get(text) ?? db.prepare(text);
    prepared.set(text, known);
    return known;
  };
  const one = (text: string, ...values: SQLInputValue[]) => sql(text).get(...values.map(held)) as Row | undefined;
  const all = (text: string, ...values: SQLInputValue[]) => sql(text).all(...values.map(held)) as Row[];
  const change = (text: string, ...values: SQLInputValue[]) => sql(text).run(...values.map(held));

  const asked = asking({ all, change }, { read, write });
  const interrupt = interrupting({ one, change, requeue });
  const byId = (id: string) => one("SELECT * FROM runs WHERE id = ?", id);
  const waitingIn = (slot: string | null) =>
    slot === null ? undefined : one("SELECT * FROM runs WHERE slot = ? AND status = 'queued'", slot);
  const busyIn = (slot: string | null) =>
    slot === null
      ? undefined
      : (waitingIn(slot) ?? one("SELECT * FROM runs WHERE slot = ? AND status = 'running'", slot));
  const newerThan = ({ slot, workflow, grp, seq }: Row) =>
    slot === null
      ? undefined
      : one(
          "SELECT * FROM runs WHERE grp = ? AND workflow = ? AND own_token = 0 AND seq > ? ORDER BY seq DESC LIMIT 1",
          grp as string,
          workflow as string,
          seq as number,
        );
  const isFree = (slot: string | null) =>
    slot === null || !one("SELECT 1 FROM runs WHERE slot = ? AND status = 'running'", slot);
  const lastOf = (workflow: string, source: string) =>
    one(
      "SELECT id, event_id FROM runs WHERE workflow = ? AND event_source = ? ORDER BY seq DESC LIMIT 1",
      workflow,
      source,
    );
  const carriedOutUntil = (workflow: string) =>
    one("SELECT carried_out_until AS at FROM schedules WHERE workflow = ?", workflow)?.at as number | undefined;
  const isOldTick = ({ workflow, event }: NewRun) =>
    event?.tick !== undefined && event.tick <= (carriedOutUntil(workflow) ?? Number.NEGATIVE_INFINITY);
  const supersede = (seq: number, successor: string, at: number) =>
    change(
      "UPDATE runs SET status = 'superseded', superseded_by = ?, ended_at = ?, owner = NULL, lease_until = NULL WHERE seq = ?",
      successor,
      at,
      seq,
    );

  /** Puts a run back into the queue; when a newer one waits in its place, that one takes over. */
  function requeue(row: Row, dueAt: number, at: number): void {
    const newer = waitingIn(row.slot as string | null);
    if (newer) supersede(row.seq as number, newer.id as string, at);
    else {
      change(
        "UPDATE runs SET status = 'queued', due_at = ?, owner = NULL, lease_until = NULL WHERE seq = ?",
        dueAt,
        row.seq as number,
      );
    }
  }

  function accept(event: Parameters<RunStore["accept"]>[0], lease: Parameters<RunStore["accept"]>[1]): Accepted {
    const known = event.event && lastOf(event.workflow, event.event.source);
    if ((known && known.event_id === clean(event.event?.id)) || isOldTick(event)) {
      const run = (known?.id as string | undefined) ?? event.id;
      return { run, joined: true, superseded: undefined, claim: undefined };
    }
    if (event.event?.tick !== undefined) {
      change("INSERT OR REPLACE INTO schedules VALUES (?, ?)", event.workflow, event.event.tick);
    }
    const input = JSON.stringify(event.input);
    const slot = event.ownToken || event.group === undefined ? null : `${event.workflow}\n${event.group}`;
    const waiting = waitingIn(slot);
    if (waiting && (waiting.attempts as number) > 0 && waiting.input === input) {
      // A limit ends when it ends; any other wait gives way to somebody who asks again.
      change(
        `UPDATE runs SET failures = 0, retries_from = ?, due_at = CASE WHEN kind = 'limit' THEN due_at ELSE min(due_at, ?) END WHERE seq = ?`,
        lease.now,
        lease.now + JOINED_DUE_MS,
        waiting.seq as number,
      );
      return { run: waiting.id as string, joined: true, superseded: undefined, claim: undefined };
    }
    if (waiting) supersede(waiting.seq as number, event.id, lease.now);
    const running = event.ownToken || (lease.take && !waiting && isFree(slot));
    // The newer event takes the older one's place in the line at a limit.
    const limited = !event.ownToken && waiting?.kind === "limit" ? waiting : undefined;
    const row = one(
      `INSERT INTO runs (id, workflow, grp, slot, input, own_token, status, accepted_at, retries_from, due_at,
         started_at, attempts, owner, lease_until, reason, http, kind, event_source, event_id, trace)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *`,
      event.id,
      event.workflow,
      event.group ?? null,
      slot,
      input,
      event.ownToken ? 1 : 0,
      running ? "running" : "queued",
      lease.now,
      lease.now,
      running ? null : Math.max(lease.now, (limited?.due_at as number | undefined) ?? 0),
      running ? lease.now : null,
      running ? 1 : 0,
      running ? lease.owner : null,
      running ? endOf(lease) : null,
      limited?.reason ?? null,
      limited?.http ?? null,
      limited?.kind ?? null,
      event.event?.source ?? null,
      event.event?.id ?? null,
      event.trace ?? null,
    );
    const claim = running ? { run: runOf(row as Row), attempt: 1, owner: lease.owner, steps: [] } : undefined;
    return { run: event.id, joined: false, superseded: waiting?.id as string | undefined, claim };
  }

  /** By the monotonic clock of this process: what it finds running when it opens the file has no lease any more. */
  function endOf({ leaseMs }: { leaseMs: number }): number {
    return Math.ceil(clock.monotonic() + leaseMs);
  }

  function claim({ owner, now: at, leaseMs, limit }: Parameters<RunStore["claim"]>[0]): Claim[] {
    const over = all("SELECT * FROM runs WHERE status = 'running' AND lease_until <= ?", clock.monotonic());
    // This process is not gone: the lease of an attempt that hung has ended.
    interrupt(over, at, { all: false });
    change(
      `UPDATE runs SET due_at = ${tooLate.dueAt}, accepted_at = min(accepted_at, ?1), retries_from = min(retries_from, ?1)
       WHERE ${tooLate.where}`,
      at,
    );
    const rows = all(CLAIM, at, owner, endOf({ leaseMs }), limit);
    return rows.toSorted(byDue).map((row) => {
      const attempt = row.attempts as number;
      const steps =
        attempt > 1
          ? all(
              "SELECT * FROM steps WHERE run = ? AND attempt >= ? AND error IS NULL",
              row.seq as number,
              row.steps_from as number,
            )
          : [];
      return { run: runOf(row), attempt, owner, steps: steps.map(stepOf), suspect: row.suspect === 1 };
    });
  }

  /** The row of a claim, as long as the claim holds. */
  function heldRow({ run, attempt, owner }: Claim): Row | undefined {
    const row = byId(run.id);
    return row?.status === "running" && row.owner === owner && row.attempts === attempt ? row : undefined;
  }

  function extend(claims: readonly Claim[], leaseMs: number): readonly Claim[] {
    return claims.filter((one) => {
      const row = heldRow(one);
      if (row) change("UPDATE runs SET lease_until = ? WHERE seq = ?", endOf({ leaseMs }), row.seq as number);
      return row !== undefined;
    });
  }

  function settle(held: Claim, attempt: Parameters<RunStore["settle"]>[1], settlement: Settlement): Run | undefined {
    const { outputs, dedupeKey, reason, http, kind } = { ...NOTHING, ...settlement };
    const queued = settlement.status === "queued";
    const row = one(
      `UPDATE runs SET status = ?, ended_at = ?, outputs = ?, dedupe_key = ?, reason = ?, http = ?, kind = ?,
         failures = failures + ?, owner = NULL, lease_until = NULL
       WHERE id = ? AND status = 'running' AND owner = ? AND attempts = ? RETURNING *`,
      queued ? "running" : settlement.status,
      queued ? null : attempt.endedAt,
      outputs === undefined ? null : JSON.stringify(outputs),
      dedupeKey ?? null,
      reason ?? null,
      http ?? null,
      kind ?? null,
      queued && settlement.counts ? 1 : 0,
      held.run.id,
      held.owner,
      held.attempt,
    );
    if (!row) return undefined;
    change(
      "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      row.seq as number,
      attempt.number,
      attempt.startedAt,
      attempt.endedAt,
      attempt.outcome,
      attempt.reason ?? null,
      attempt.kind ?? null,
      attempt.githubRequestId ?? null,
      attempt.stack ?? null,
    );
    if (!queued) return runOf(row);
    requeue(row, settlement.dueAt, attempt.endedAt);
    return runOf(byId(held.run.id) as Row);
  }

  function rerun(id: string, at: number, { evenIfOlder = false, trace }: RerunOptions = {}): Rerun {
    const row = byId(id);
    if (!row) return { status: "unknown" };
    const situation = { busy: busyIn(row.slot as string | null), newer: newerThan(row) };
    const problem = rerunProblem(row, situation, { evenIfOlder });
    if (problem) return problem;
    change(
      `UPDATE runs SET status = 'queued', due_at = ?, retries_from = ?, failures = 0, steps_from = attempts + 1,
         ended_at = NULL, outputs = NULL, dedupe_key = NULL, reason = NULL, http = NULL, kind = NULL, superseded_by = NULL,
         trace = ?
       WHERE seq = ?`,
      at,
      at,
      trace ?? null,
      row.seq as number,
    );
    return { status: "queued", run: runOf(byId(id) as Row) };
  }

  /** Goes through the oldest runs only, so that it needs no index. */
  function forget(before: number, limit: number): number {
    const over: number[] = [];
    for (const row of sql("SELECT seq, accepted_at, ended_at FROM runs ORDER BY seq").iterate()) {
      if (over.length === limit || (row.accepted_at as number) >= before) break;
      if (row.ended_at !== null && (row.ended_at as number) < before) over.push(row.seq as number);
    }
    for (const seq of over) change("DELETE FROM runs WHERE seq = ?", seq);
    change("DELETE FROM refused_events WHERE last_at < ?", before);
    return over.length;
  }

  try {
    db.exec("BEGIN IMMEDIATE");
    interrupt(all("SELECT * FROM runs WHERE status = 'running'"), clock.now(), { all: true });
    db.exec("COMMIT");
  } catch (cause) {
    close();
    throw cannot(`go on with the runs in ${folder}`, "See that the disk has room, or restore a backup.", cause);
  }

  return {
    accept: (event, lease) => write(() => accept(event, lease)),
    claim: (lease) => write(() => claim(lease), { flush: false }),
    extend: (claims, leaseMs) => write(() => extend(claims, leaseMs), { flush: false }),
    settle: (held, attempt, settlement) => write(() => settle(held, attempt, settlement)),
    saveStep: (held, step) =>
      write(() => {
        const row = heldRow(held);
        if (!row) return;
        change(
          "INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?, ?, ?)",
          row.seq as number,
          step.name,
          step.attempt,
          step.startedAt,
          step.endedAt,
          step.result === undefined ? null : JSON.stringify(step.result),
          step.error ?? null,
        );
      }),
    rerun: (id, at, options) => write(() => rerun(id, at, options)),
    ...runReads(asked),
    scheduledUntil: (workflow, at) =>
      write(() => {
        const until = carriedOutUntil(workflow);
        if (until !== undefined && until <= at + WRONG_CLOCK_MS) return until;
        change("INSERT OR REPLACE INTO schedules VALUES (?, ?)", workflow, at);
        return at;
      }),
    nextDue: () =>
      read(
        () =>
          (one("SELECT min(due_at) AS at FROM runs WHERE status = 'queued'")?.at as number | null | undefined) ??
          undefined,
      ),
    forget: (before, limit) => write(() => forget(before, limit), { flush: false }),
    limits: sqliteLimitLog({ all, change }, write),
    // Rows that this connection has changed; nobody else has the file open for writing.
    overview: overview(asked, async () => String((await asked.read("SELECT total_changes() AS changes"))[0]?.changes)),
    hear: () => () => {},
    check: () => write(() => void change("UPDATE heartbeat SET at = at + 1"), { flush: false }),
    async close() {
      // Writes that wait are committed first: they were handed over before.
      await write(() => {}).catch(() => {});
      close();
    },
  };
}

const CLAIM = `UPDATE runs SET status = 'running', started_at = ?1, attempts = attempts + 1, owner = ?2, lease_until = ?3
  WHERE seq IN (${dueRuns({
    runs: "runs",
    attempts: "attempts",
    now: "?1",
    owner: "?2",
    limit: "?4",
    isInSlot: (other) => `${other}.slot = runs.slot`,
  })}) RETURNING *, ${isSuspect("attempts", "runs.attempts - 1")} AS suspect`;

const held = (value: SQLInputValue) => (typeof value === "string" ? clean(value) : value);

async function reading<T>(db: DatabaseSync, work: () => T): Promise<T> {
  try {
    return work();
  } catch (cause) {
    if (db.isOpen && !isOutage(cause)) throw cause;
    throw new StoreUnavailable(`The runs could not be read: ${(cause as Error).message}`, { cause });
  }
}

/** Clocks that are kept right by small steps differ by less, ms. */
const CLOCK_SET_MS = 1000;

/** Runs that wait for longer than any delay; see `heldByWrongClock`. */
const tooLate = heldByWrongClock("?1");

/** Far enough off that a caller's own quick retries bring no attempt forward, near enough for a new deployment. */
const JOINED_DUE_MS = 30_000;

/** What a settlement leaves empty when it does not say it. */
const NOTHING = {
  outputs: undefined,
  dedupeKey: undefined,
  reason: undefined,
  http: undefined,
  kind: undefined,
};
