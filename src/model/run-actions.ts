import type { RunFilter } from "./history.ts";
import type { ListedRun, Run } from "./run.ts";
import type { By, Who } from "./who.ts";

export type RerunOptions = Partial<Who> & {
  /** Queues a run although its group has a newer one. */
  readonly evenIfOlder?: boolean | undefined;
  /** `failure`: what steps and finished waits led to stands. `start`, and without it: they are repeated. */
  readonly from?: "start" | "failure" | undefined;
  /** See `Run`. */
  readonly trace?: string | undefined;
};

export type Rerun = { readonly status: "queued"; readonly run: Run } | { readonly status: "unknown" } | RerunRejected;

/** Why a run is not run again now. */
export type RerunRejected =
  | { readonly status: "rejected"; readonly reason: string }
  /** It is under way itself, or its group has a newer run. `canForce`: with `evenIfOlder` it would be queued. */
  | { readonly status: "notNeeded"; readonly reason: string; readonly canForce: boolean };

export type Cancel =
  /** It had not begun or it waited: it has ended. */
  | { readonly status: "cancelled"; readonly run: Run }
  /** It is running: its process hears of it, and ends the attempt. */
  | { readonly status: "cancelling"; readonly run: Run }
  | { readonly status: "ended"; readonly run: Run }
  | { readonly status: "unknown" };

const BY_RUN = "run ";

/** The actor of what a run does: it cancels an older one of its group, or starts another one. */
export const byRun = (run: string): string => `${BY_RUN}${run}`;

/** The newer run, when it is what has cancelled. */
export const newerOf = (actor: string): string | undefined =>
  actor.startsWith(BY_RUN) ? actor.slice(BY_RUN.length) : undefined;

/** The reason of a run that was cancelled, and of its attempt. */
export function whyCancelled(actor: string): string {
  const newer = newerOf(actor);
  return newer === undefined
    ? `Cancelled by ${actor}.`
    : `Cancelled: run ${newer.slice(0, 8)} of the same group replaced it.`;
}

/** Which runs something is done with, all at once. */
export type BulkFilter = Omit<RunFilter, "id" | "status">;

export type BulkResult = {
  /** As it is now. */
  readonly run: ListedRun;
  readonly result: "queued" | "notNeeded" | "rejected" | "cancelled" | "cancelling";
  readonly reason?: string | undefined;
};

/** What became of each run; `more`: there are further ones, with which nothing was done. */
export type Bulk = { readonly results: readonly BulkResult[]; readonly more: boolean };

/** A workflow whose runs are not begun for now; `*` is all of them. */
export type Paused = Pick<By, "actor" | "at"> & { readonly workflow: string };

export const ALL_WORKFLOWS = "*";

/** Whether one of these pauses is for a workflow. */
export function pauseOf<Pause extends { readonly workflow: string }>(
  workflow: string,
  paused: readonly Pause[],
): Pause | undefined {
  return paused.find((each) => each.workflow === workflow) ?? paused.find((each) => each.workflow === ALL_WORKFLOWS);
}

/** An event brought its token to a paused workflow: it cannot wait, since the token is not stored. */
export class WorkflowPaused extends Error {
  override readonly name = "WorkflowPaused";
}
