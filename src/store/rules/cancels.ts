import type { AuditEntry } from "../../model/audit.ts";
import type { Settlement } from "../../model/claim.ts";
import type { NewRun } from "../../model/new-run.ts";
import type { Attempt } from "../../model/run.ts";
import { byRun, type Cancel, newerOf, whyCancelled } from "../../model/run-actions.ts";
import { type By, whoOf } from "../../model/who.ts";
import { clean, FREE, type RunRow, runOf } from "../rows.ts";

/** What a store decides of runs that are cancelled, once for both databases; see runs.ts. */

export type Cancelling = {
  /** `mark`: its process hears of it, and ends the attempt. `nothing`: it has ended, or was cancelled before. */
  readonly does: "end" | "mark" | "nothing";
  readonly run: RunRow;
};

/**
 * A run is cancelled. One that is queued or waits has ended; one that is running ends with its attempt. The workflow's
 * `cancelled` is due then, when an attempt had begun since it was accepted or re-run. It would have no token where the run brought its own.
 */
export function cancel(run: RunRow, { actor, at }: By, hasHandler: boolean): Cancelling {
  const isAsleep = run.status === "queued" || run.status === "waiting";
  const isRunning = run.status === "running" && run.cancel_actor === null;
  if (!isAsleep && !isRunning) return { does: "nothing", run };
  const calls = hasHandler && run.attempts >= run.first_attempt && run.own_token === 0;
  const marked = { ...run, cancel_actor: clean(actor), cancel_at: at, handler: calls ? "wanted" : null } as const;
  return isRunning ? { does: "mark", run: marked } : { does: "end", run: cancelledAt(marked, at) };
}

/** What `cancel` returns. */
export function cancelAnswer({ does, run }: Cancelling): Cancel {
  const isEnding = run.status === "running";
  return { status: does === "end" ? "cancelled" : isEnding ? "cancelling" : "ended", run: runOf(run) };
}

/** @param run as it was. One that runs may end before it hears of the cancel. */
export function cancelAction({ id, workflow, status }: RunRow, by: By): AuditEntry {
  const details = status === "running" ? "while it was running" : undefined;
  return { ...whoOf(by), at: by.at, action: "cancelled", run: id, workflow, details };
}

/** A newer event replaces the run that runs or waits in its group. */
export function cancelFor({ id, order }: NewRun, holder: RunRow, at: number): Cancelling {
  return cancel(holder, { actor: byRun(id), at }, order?.hasHandler === true);
}

/**
 * What the end of an attempt makes of a run that is cancelled; undefined where that changes nothing: it had done its work
 * before it heard of it.
 */
export function endedByCancel(
  run: RunRow,
  { endedAt }: Pick<Attempt, "endedAt">,
  settlement: Settlement,
): RunRow | undefined {
  if (isHandling(run)) return handled(run);
  const isDone = settlement.status === "success" || settlement.status === "skipped";
  if (isDone || (run.cancel_actor === null && settlement.status !== "cancelled")) return undefined;
  return cancelledAt(run, endedAt, settlement.status === "cancelled" ? settlement.reason : null);
}

/** Whether it is the workflow's `cancelled` that is called, or was when the process ended. */
export const isHandling = ({ status, handler }: Pick<RunRow, "status" | "handler">) =>
  status === "cancelled" && handler === "running";

/** The workflow's `cancelled` has ended, whichever way: it is called once. */
export const handled = (run: RunRow): RunRow => ({ ...run, ...FREE, handler: "done" });

/** @param reason where it is not known who has cancelled. */
export function cancelledAt(run: RunRow, at: number, reason: string | null = null): RunRow {
  const { cancel_actor: actor, handler } = run;
  return {
    ...run,
    ...FREE,
    ...{ status: "cancelled", ended_at: at, woken: 0 },
    ...{ outputs: null, dedupe_key: null, http: null, kind: null },
    reason: actor === null ? reason : whyCancelled(actor),
    superseded_by: newerOf(actor ?? "") ?? null,
    handler: handler === "wanted" ? "due" : null,
  };
}
