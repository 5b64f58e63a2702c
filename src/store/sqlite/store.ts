import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../model/clock.ts";
import { type RunStore, StoreUnavailable } from "../../model/store.ts";
import { runLines } from "../lines.ts";
import { marks } from "../marks.ts";
import { overview } from "../overview.ts";
import { previewReads } from "../previews.ts";
import { hasHandler, hastenRetries, isPaused, takeTurn } from "../queries.ts";
import { runReads } from "../reads.ts";
import { addFinds, asking } from "./asking.ts";
import { batchedWrites, isOutage, type Write } from "./batch.ts";
import { callbacks } from "./callbacks.ts";
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
  leaseEnd,
  rerunRun,
  saveStep,
  scheduledUntil,
  settleRun,
} from "./runs.ts";
import { type Sql, statements } from "./statements.ts";
import { FOLLOW_CLOCK, RIGHT_WRONG_WAITS, wakeRuns } from "./waits.ts";

type Clocks = Pick<Clock, "now" | "monotonic">;

/**
 * The store in one SQLite file, for one process. It is alone on the file, so whatever the file says is running when it
 * is opened was interrupted: such runs are due again. Leases are by the monotonic clock of the process.
 * @param folder undefined: in memory, for a process that runs one event.
 * @throws Error that says what to do when the folder cannot be used.
 */
export function openSqliteStore(
  folder: string | undefined,
  clock: Clocks,
  warn: (warning: string) => void = () => {},
): RunStore {
  const { db, missing, warnings, close } = openSqlite(folder);
  for (const warning of warnings) warn(warning);
  addFinds(db);
  const sql = statements(db);
  const write = followingClock(batchedWrites(db, missing), sql, clock);
  const read = <T>(work: () => T) => reading(db, work);
  const asked = asking(sql, { read, write });
  const lines = runLines(asked);
  const pauses = knownPauses(sql);
  const leaseUntil = (leaseMs: number) => leaseEnd(clock.monotonic(), leaseMs);
  try {
    db.exec("BEGIN IMMEDIATE");
    interruptAll(sql, clock.now());
    for (const text of RIGHT_WRONG_WAITS) sql.change(text, clock.now());
    db.exec("COMMIT");
  } catch (cause) {
    close();
    throw cannot(`go on with the runs in ${folder}`, "See that the disk has room, or restore a backup.", cause);
  }
  return {
    accept: (event, lease) =>
      write(() =>
        acceptRun(sql, event, lease, { leaseUntil: leaseUntil(lease.leaseMs), isPaused: pauses.has(event.workflow) }),
      ),
    claim: (lease) => write(() => claimRuns(sql, lease, clock.monotonic()), { flush: false }),
    turn: (name, everyMs) => write(() => sql.all(TURN, name, everyMs, clock.now()).length > 0, { flush: false }),
    hasten: (most) =>
      write(
        () => (most === undefined ? sql.all(HASTEN, clock.now()) : sql.all(HASTEN_FIRST, clock.now(), most)).length,
      ),
    ...marks(asked),
    extend: (claims, leaseMs) => write(() => extendLeases(sql, claims, leaseUntil(leaseMs)), { flush: false }),
    settle(claim, attempt, settlement, last = []) {
      // In the same transaction. Lines that are wrong in themselves are left out of it.
      if (last.length > 0) lines.saveLines(claim, last).catch(() => {});
      return write(() => settleRun(sql, claim, attempt, settlement, clock.now()));
    },
    saveStep: (claim, step) => write(() => saveStep(sql, claim, step)),
    cancel: (id, by, hasHandler) => write(() => cancelRun(sql, id, by, hasHandler)),
    // A power failure that takes it costs time: the run looks by itself.
    wake: (keys) => write(() => wakeRuns(sql, keys, clock.now()), { flush: false }),
    rerun: (id, at, options) => write(() => rerunRun(sql, id, at, options)),
    pause: (workflow, by) => write(() => pauseWorkflow(sql, workflow, by)).finally(pauses.look),
    resume: (workflow, by) => write(() => resumeWorkflow(sql, workflow, by)).finally(pauses.look),
    ...runReads(asked),
    ...previewReads(asked),
    ...lines,
    ...callbacks(sql, { read, write, now: clock.now }),
    scheduledUntil: (workflow, at) => write(() => scheduledUntil(sql, workflow, at)),
    async nextDue(forMs) {
      const now = clock.now();
      const [due] = await asked.read(NEXT_DUE, [now, forMs === undefined ? Number.MIN_SAFE_INTEGER : now - forMs]);
      return (due?.at ?? undefined) as number | undefined;
    },
    forget: (before, limit) => write(() => forgetRuns(sql, before, limit), { flush: false }),
    limits: sqliteLimitLog(sql, { asked, write }),
    // Rows that this connection has changed; nobody else has the file open for writing.
    overview: overview(asked, async () => String((await asked.read("SELECT total_changes() AS changes"))[0]?.changes)),
    hear: () => () => {},
    check: () => write(() => sql.change("UPDATE heartbeat SET at = at + 1"), { flush: false }),
    async close() {
      // Writes that wait are committed first: they were handed over before.
      await write(() => {}).catch(() => {});
      close();
    },
  };
}

const TURN = takeTurn({ schema: "main", now: "$3" });
const HASTEN = hastenRetries({ schema: "main", now: "$1" });
const HASTEN_FIRST = hastenRetries({ schema: "main", now: "$1", most: "$2" });
const NEXT_DUE = `SELECT min(at) AS at FROM (
  SELECT min(due_at) AS at FROM runs WHERE status = 'queued' AND due_at > $2 AND NOT ${isPaused("main")}
  UNION ALL SELECT min(due_at) FROM runs WHERE status = 'waiting' AND due_at > $2 AND NOT ${isPaused("main")}
  UNION ALL SELECT $1 FROM runs INDEXED BY handlers WHERE ${hasHandler("runs")} AND handler = 'due')`;

/** Clocks that are kept right by small steps differ by less, ms. */
const CLOCK_SET_MS = 1000;

/** When the clock is set, what waits still waits for as long as it was to: the first write after that sees to it. */
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

async function reading<T>(db: DatabaseSync, work: () => T): Promise<T> {
  try {
    return work();
  } catch (cause) {
    if (db.isOpen && !isOutage(cause)) throw cause;
    throw new StoreUnavailable(`The runs could not be read: ${(cause as Error).message}`, { cause });
  }
}
