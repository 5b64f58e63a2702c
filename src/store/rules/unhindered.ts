import type { Settlement } from "../../model/claim.ts";
import type { NewRun } from "../../model/new-run.ts";
import type { RunStore } from "../../model/store.ts";
import { paceOf } from "./pace.ts";
import { type Acceptance, acceptance, ended } from "./runs.ts";

/**
 * The rules for the usual case, in which nothing interferes: no other run of the group, no pause and no cancel. The
 * decision is made before the store is asked, and the store applies it only in that case. runs.ts has the rules for all
 * other cases.
 */

/**
 * The run that an event becomes. Undefined if that depends on more. The store's clock is not known yet, so the decision
 * uses the process's time, and the store then adjusts the times that follow its clock.
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

/** The columns that change when a run ends. */
export const ENDING = Object.keys(ended({ status: "skipped", reason: "" }, 0));

/** A run after its last attempt, if it was not cancelled. Undefined if it was, or if the attempt is not the last. */
export function endUnhindered(settlement: Settlement, endedAt: number): ReturnType<typeof ended> | undefined {
  const { status } = settlement;
  return status === "success" || status === "skipped" || status === "failure" ? ended(settlement, endedAt) : undefined;
}
