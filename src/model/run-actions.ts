import type { RunFilter } from "./history.ts";
import type { ListedRun, Run } from "./run.ts";
import type { By, Who } from "./who.ts";

export type RerunOptions = Partial<Who> & {
  /** Queues a run even if its group has a newer one. */
  readonly evenIfOlder?: boolean | undefined;
  /** `failure`: keeps the results of steps and finished waits. `start`, the default: repeats them. */
  readonly from?: "start" | "failure" | undefined;
  /** See `Run`. */
  readonly trace?: string | undefined;
};

export type Rerun = { readonly status: "queued"; readonly run: Run } | { readonly status: "unknown" } | RerunRejected;

/** Why a run is not run again now. */
export type RerunRejected =
  | { readonly status: "rejected"; readonly reason: string }
  /** The run has not ended, or its group has a newer run. `canForce`: with `evenIfOlder` it would be queued. */
  | { readonly status: "notNeeded"; readonly reason: string; readonly canForce: boolean };

export type Cancel =
  /** It had not started, or it waited. It has ended now. */
  | { readonly status: "cancelled"; readonly run: Run }
  /** It is running. Its process is notified, and ends the attempt. */
  | { readonly status: "cancelling"; readonly run: Run }
  | { readonly status: "ended"; readonly run: Run }
  | { readonly status: "unknown" };

const BY_RUN = "run ";

/** The actor of a run's actions: it cancels an older run of its group, or starts another run. */
export const byRun = (run: string): string => `${BY_RUN}${run}`;

/** The newer run, if a run cancelled this one. */
export const newerOf = (actor: string): string | undefined =>
  actor.startsWith(BY_RUN) ? actor.slice(BY_RUN.length) : undefined;

/** The reason of a cancelled run, and of its attempt. */
export function whyCancelled(actor: string): string {
  const newer = newerOf(actor);
  return newer === undefined
    ? `Cancelled by ${actor}.`
    : `Cancelled: run ${newer.slice(0, 8)} of the same group replaced it.`;
}

/** The runs of a bulk action. */
export type BulkFilter = Omit<RunFilter, "id" | "status">;

export type BulkResult = {
  /** The run's current state. */
  readonly run: ListedRun;
  readonly result: "queued" | "notNeeded" | "rejected" | "cancelled" | "cancelling";
  readonly reason?: string | undefined;
};

/** The outcome for each run. `more`: there are more runs, which were not touched. */
export type Bulk = { readonly results: readonly BulkResult[]; readonly more: boolean };

/** A workflow whose runs do not start for now; `*` means all workflows. */
export type Paused = Pick<By, "actor" | "at"> & { readonly workflow: string };

export const ALL_WORKFLOWS = "*";

/** The pause of a workflow, if there is one. */
export function pauseOf<Pause extends { readonly workflow: string }>(
  workflow: string,
  paused: readonly Pause[],
): Pause | undefined {
  return paused.find((each) => each.workflow === workflow) ?? paused.find((each) => each.workflow === ALL_WORKFLOWS);
}

/** An event brought its token to a paused workflow. It cannot wait, because the token is not stored. */
export class WorkflowPaused extends Error {
  override readonly name = "WorkflowPaused";
}
