import type { AuditEntry } from "../../model/audit.ts";
import type { Settlement } from "../../model/claim.ts";
import type { NewRun } from "../../model/new-run.ts";
import type { Attempt } from "../../model/run.ts";
import { byRun, type Cancel, newerOf, whyCancelled } from "../../model/run-actions.ts";
import { type By, whoOf } from "../../model/who.ts";
import { clean, FREE, type RunRow, runOf } from "../rows.ts";

/** The rules for cancelling runs, once for both databases; see runs.ts. */

export type Cancelling = {
  /**
   * `mark`: the run's process is notified, and ends the attempt. `nothing`: the run has ended, or was cancelled before.
   */
  readonly does: "end" | "mark" | "nothing";
  readonly run: RunRow;
};

/**
 * Cancels a run. A queued or waiting run ends now. A running run ends with its attempt. Then the workflow's `cancelled`
 * is due if an attempt had begun since the run was accepted or re-run. A run that brought its token has no `cancelled`,
 * because its token would be missing.
 */
export function cancel(run: RunRow, { actor, at }: By, hasHandler: boolean): Cancelling {
  const isAsleep = run.status === "queued" || run.status === "waiting";
  const isRunning = run.status === "running" && run.cancel_actor === null;
  if (!isAsleep && !isRunning) return { does: "nothing", run };
  const calls = hasHandler && run.attempts >= run.first_attempt && run.own_token === 0;
  const marked = { ...run, cancel_actor: clean(actor), cancel_at: at, handler: calls ? "wanted" : null } as const;
  return isRunning ? { does: "mark", run: marked } : { does: "end", run: cancelledAt(marked, at) };
}

/** The return value of `cancel`. */
export function cancelAnswer({ does, run }: Cancelling): Cancel {
  const isEnding = run.status === "running";
  return { status: does === "end" ? "cancelled" : isEnding ? "cancelling" : "ended", run: runOf(run) };
}

/** @param run before the cancel. A running run may end before its process is notified. */
export function cancelAction({ id, workflow, status }: RunRow, by: By): AuditEntry {
  const details = status === "running" ? "while it was running" : undefined;
  return { ...whoOf(by), at: by.at, action: "cancelled", run: id, workflow, details };
}

/** A newer event replaces the running or waiting run of its group. */
export function cancelFor({ id, order }: NewRun, holder: RunRow, at: number): Cancelling {
  return cancel(holder, { actor: byRun(id), at }, order?.hasHandler === true);
}

/**
 * The end of a cancelled run's attempt. Undefined if the cancel changes nothing, because the run finished its work
 * before it was notified.
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

/** Whether the workflow's `cancelled` is running, or was running when the process ended. */
export const isHandling = ({ status, handler }: Pick<RunRow, "status" | "handler">) =>
  status === "cancelled" && handler === "running";

/** The workflow's `cancelled` has ended, with any outcome. It is called once. */
export const handled = (run: RunRow): RunRow => ({ ...run, ...FREE, handler: "done" });

/** @param reason used if it is unknown who cancelled. */
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
