import type { Settlement } from "../../model/claim.ts";
import type { NewRun } from "../../model/new-run.ts";
import type { RunStore } from "../../model/store.ts";
import { paceOf } from "./pace.ts";
import { type Acceptance, acceptance, ended } from "./runs.ts";

/**
 * What happens where nothing is in the way, as nearly always: no other run of the group, no pause, no cancel. It is
 * decided before the store is asked, which applies it only where nothing is. See runs.ts for what happens elsewhere.
 */

/**
 * The run that an event becomes. Undefined when it depends on more than what may be in the way. The store's clock is not known yet: it is decided as if
 * it showed the process's time, and the store moves what goes by its clock.
 */
export function unhindered(event: NewRun, lease: Parameters<RunStore["accept"]>[1]): Adding | undefined {
  if (paceOf(event) !== null || event.event?.tick !== undefined) return undefined;
  const { now, leaseMs } = lease;
  const nothing = { latest: undefined, carriedOutUntil: undefined, waiting: undefined };
  const free = { isBusy: false, hasLine: false, isPaused: false };
  const decision = acceptance(event, lease, { now, leaseUntil: now + leaseMs, ...nothing, ...free });
  return decision.does === "add" && decision.actions.length === 0 ? decision : undefined;
}

type Adding = Extract<Acceptance, { does: "add" }>;

/** The columns that the end of a run changes. */
export const ENDING = Object.keys(ended({ status: "skipped", reason: "" }, 0));

/** What the last attempt makes of a run that was not cancelled meanwhile. Undefined when it is not the last, or was cancelled. */
export function endUnhindered(settlement: Settlement, endedAt: number): ReturnType<typeof ended> | undefined {
  const { status } = settlement;
  return status === "success" || status === "skipped" || status === "failure" ? ended(settlement, endedAt) : undefined;
}
