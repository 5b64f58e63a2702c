import type { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Claim } from "../../model/claim.ts";
import type { Clock } from "../../model/clock.ts";
import { type RunStore, StoreUnavailable } from "../../model/store.ts";
import { auditLog, trail } from "../audit.ts";
import { eventNotes } from "../events.ts";
import { foundRuns } from "../found-runs.ts";
import { runLines } from "../lines.ts";
import { marks } from "../marks.ts";
import { overview } from "../overview.ts";
import { previewReads } from "../previews.ts";
import { hasHandler, hastenRetries, isPaused, takeTurn } from "../queries.ts";
import { runReads } from "../reads.ts";
import { isByHand } from "../rules/runs.ts";
import { searchIndex } from "../search-index.ts";
import { sessions } from "../sessions.ts";
import { successReads } from "../successes.ts";
import { workflowReads } from "../workflow-stats.ts";
import { addFinds, asking } from "./asking.ts";
import { auditedWrites, type Note } from "./audit.ts";
import { batchedWrites, isOutage, type Write } from "./batch.ts";
import { callbacks } from "./callbacks.ts";
import { NO_DISK, openDisk } from "./disk.ts";
import { mayFlush } from "./files.ts";
import { sqliteLimitLog } from "./limit-log.ts";
import { cannot, openSqlite } from "./open.ts";
import { knownPauses, pauseWorkflow, resumeWorkflow } from "./pauses.ts";
import {
  acceptRun,
  cancelRun,
  claimRuns,
  extendLeases,
  forgetRuns,
  interruptAll,
  rerunRun,
  saveStep,
  scheduledUntil,
  settledBefore,
  settleRun,
} from "./runs.ts";
import { sqliteSearch } from "./search.ts";
import { ReadingThread } from "./search-thread.ts";
import { type Sql, statements } from "./statements.ts";
import { FOLLOW_CLOCK, RIGHT_WRONG_WAITS, wakeRuns } from "./waits.ts";

type Clocks = Pick<Clock, "now" | "monotonic">;

/**
 * The store in one SQLite file, for one process. No other process uses the file, so runs that are stored as running
 * when it opens were interrupted: they are due again. Leases use the process's monotonic clock.
 * @param folder undefined: in memory, for a process that executes one event.
 * @throws Error that says what to do if the folder cannot be used.
 */
export function openSqliteStore(
  folder: string | undefined,
  clock: Clocks,
  warn: (warning: string) => void = () => {},
): RunStore {
  const { db, file, missing, warnings, close } = openSqlite(folder);
  for (const warning of warnings) warn(warning);
  addFinds(db);
  const sql = statements(db);
  let disk = NO_DISK;
  try {
    db.exec("BEGIN IMMEDIATE");
    interruptAll(sql, clock.now());
    for (const text of RIGHT_WRONG_WAITS) sql.change(text, clock.now());
    db.exec("COMMIT");
    if (file !== undefined && mayFlush()) disk = openDisk(db, file);
  } catch (cause) {
    close();
    throw cannot(`continue the runs in ${folder}`, "Check that the disk has room, or restore a backup.", cause);
  }
  const { monotonic } = clock;
  const write = followingClock(batchedWrites(db, { missing, disk, monotonic }), sql, clock);
  const read = readsInTurns(db, monotonic);
  const asked = asking(sql, { read, write });
  const thread = file === undefined ? undefined : new ReadingThread(file);
  const lines = runLines(asked);
  const audit = trail();
  const audited = auditedWrites(sql, write, audit);
  const pauses = knownPauses(sql);
  /** Claims whose settlement failed, perhaps because a flush failed after the commit. */
  const unsure = new WeakSet<Claim>();
  const leaseUntil = (leaseMs: number) => Math.ceil(clock.monotonic() + leaseMs);
  return {
    accept(event, lease) {
      const accept = (note: Note) => {
        const isPaused = pauses.has(event.workflow);
        return acceptRun(sql, event, lease, { leaseUntil: leaseUntil(lease.leaseMs), isPaused, note });
      };
      return isByHand(event) ? audited(accept) : write(() => accept(notNoted));
    },
    claim(lease) {
      // Extensions and settlements that come now are written after this. So a long flush does not make an attempt look
      // as if it hung.
      const askedAt = clock.monotonic();
      return write(() => claimRuns(sql, lease, { askedAt, leaseUntil: leaseUntil(lease.leaseMs) }), { flush: false });
    },
    turn: (name, everyMs) => write(() => sql.all(TURN, name, everyMs, clock.now()).length > 0, { flush: false }),
    hasten: (most) =>
      write(
        () => (most === undefined ? sql.all(HASTEN, clock.now()) : sql.all(HASTEN_FIRST, clock.now(), most)).length,
      ),
    ...marks(asked),
    extend: (claims, leaseMs) => write(() => extendLeases(sql, claims, leaseUntil(leaseMs)), { flush: false }),
    settle(claim, attempt, settlement, last = []) {
      // In the same transaction. Invalid lines are left out.
      if (last.length > 0) lines.saveLines(claim, last).catch(() => {});
      const isUnsure = unsure.has(claim);
      return write(() => {
        const run = settleRun(sql, claim, attempt, settlement, clock.now());
        return run ?? (isUnsure ? settledBefore(sql, claim, attempt) : undefined);
      }).catch((error) => {
        unsure.add(claim);
        throw error;
      });
    },
    saveStep: (claim, step) => write(() => saveStep(sql, claim, step)),
    cancel: (id, by, hasHandlerOf) => audited((note) => cancelRun(sql, note, id, { by, hasHandlerOf })),
    // If a power failure loses this, it only costs time: the run looks again later.
    wake: (keys) => write(() => wakeRuns(sql, keys, clock.now()), { flush: false }),
    rerun: (id, at, options) => audited((note) => rerunRun(sql, note, id, { ...options, at })),
    pause: (workflow, by) => audited((note) => pauseWorkflow(sql, note, workflow, by)).finally(pauses.look),
    resume: (workflow, by) => audited((note) => resumeWorkflow(sql, note, workflow, by)).finally(pauses.look),
    audit: auditLog(asked, { ...audit, add: (entries) => audited((note) => note(...entries)) }),
    ...runReads(asked),
    ...foundRuns(asked, searchIndex(asked, sqliteSearch(sql, asked, { write, thread }), warn)),
    ...previewReads(asked),
    ...workflowReads(asked),
    ...successReads(asked),
    ...lines,
    ...callbacks(sql, { read, write, audited, now: clock.now }),
    scheduledUntil: (workflow, at) => write(() => scheduledUntil(sql, workflow, at)),
    async nextDue(forMs) {
      const now = clock.now();
      const [due] = await asked.read(NEXT_DUE, [now, forMs === undefined ? Number.MIN_SAFE_INTEGER : now - forMs]);
      return (due?.at ?? undefined) as number | undefined;
    },
    forget: (before, limit) => write(() => forgetRuns(sql, before, limit), { flush: false }),
    limits: sqliteLimitLog(sql, { asked, write }),
    events: eventNotes(asked),
    sessions: sessions("main", asked.read, (text, values) => write(() => sql.all(text, ...values))),
    // Counts rows changed by this connection. No other process writes to the file.
    overview: overview(asked, async () => String((await asked.read("SELECT total_changes() AS changes"))[0]?.changes)),
    hear: () => () => {},
    check: () => write(() => sql.change("UPDATE heartbeat SET at = at + 1"), { flush: false }),
    async close() {
      // Commits pending writes first, because they were accepted before.
      await write(() => {}).catch(() => {});
      await thread?.close();
      disk.close(close);
    },
  };
}

/** An event that no person started is not an action. */
function notNoted(): never {
  throw new Error("an event that starts a run was about to be recorded as an action");
}

const TURN = takeTurn({ schema: "main", now: "$3" });
const HASTEN = hastenRetries({ schema: "main", now: "$1" });
const HASTEN_FIRST = hastenRetries({ schema: "main", now: "$1", most: "$2" });
const NEXT_DUE = `SELECT min(at) AS at FROM (
  SELECT min(due_at) AS at FROM runs WHERE status = 'queued' AND due_at > $2 AND NOT ${isPaused("main")}
  UNION ALL SELECT min(due_at) FROM runs WHERE status = 'waiting' AND due_at > $2 AND NOT ${isPaused("main")}
  UNION ALL SELECT $1 FROM runs INDEXED BY handlers WHERE ${hasHandler("runs")} AND handler = 'due')`;

/** Clocks that are corrected in small steps differ by less, ms. */
const CLOCK_SET_MS = 1000;

/** After the clock is set, waits keep their length. The first write after that adjusts them. */
function followingClock(write: Write, { change }: Sql, clock: Clocks): Write {
  const offset = () => Math.round(clock.now() - clock.monotonic());
  let followed = offset();
  return (work, durability) => {
    const by = offset() - followed;
    if (Math.abs(by) >= CLOCK_SET_MS) {
      followed += by;
      write(() => FOLLOW_CLOCK.forEach((text) => void change(text, by)), { flush: false }).catch(() => {
        followed -= by;
      });
    }
    return write(work, durability);
  };
}

/**
 * After reading for this long, events get their turn, ms. A page makes thirty queries together, and counts 90,000 runs.
 */
const READ_MS = 4;

function readsInTurns(db: DatabaseSync, monotonic: Clocks["monotonic"]) {
  let spent = 0;
  let turn: Promise<void> | undefined;
  return async <T>(work: () => T): Promise<T> => {
    while (turn !== undefined) await turn;
    const began = monotonic();
    try {
      return work();
    } catch (cause) {
      if (db.isOpen && !isOutage(cause)) throw cause;
      throw new StoreUnavailable(`The runs could not be read: ${(cause as Error).message}`, { cause });
    } finally {
      spent += monotonic() - began;
      if (spent >= READ_MS) turn = nextTurn().then(over);
    }
  };

  function over(): void {
    spent = 0;
    turn = undefined;
  }
}
