import type { FailureKind, FailureStatus, Json, Run, Step, Suspension, WaitKind } from "./run.ts";

/**
 * Who claims, and for how long. The store's clock measures the length, so a claim lasts the right time even if `now`
 * (epoch milliseconds, for the history) is wrong.
 */
export type Lease = { readonly owner: string; readonly now: number; readonly leaseMs: number };

/** A run that only this worker may execute until the lease ends. */
export type Claim = {
  readonly run: Run;
  /** The number of the attempt that begins, from 1. */
  readonly attempt: number;
  readonly owner: string;
  /** Completed steps whose results are final. */
  readonly steps: readonly Step[];
  /** Current waits. */
  readonly waits?: readonly ClaimedWait[];
  /** The first attempt since the run was accepted or re-run; 1 without it. */
  readonly firstAttempt?: number;
  /** The run is cancelled: this is for the workflow's `cancelled`, not its `run`. */
  readonly handler?: boolean;
  /** Its two latest attempts ended with their processes, so it may be the cause. */
  readonly suspect?: boolean;
};

/** Whether the run has waited before. */
export function hasWaited({ waits = [], steps }: Pick<Claim, "waits" | "steps">): boolean {
  return waits.length > 0 || steps.some(({ kind }) => kind !== "step");
}

/** A current wait, as the next attempt finds it. */
export type ClaimedWait = {
  readonly name: string;
  readonly kind: WaitKind;
  readonly attempt: number;
  readonly startedAt: number;
  /** Its time has passed, by the store's clock. */
  readonly isOver: boolean;
  /** The answer to a callback. */
  readonly answer?: { readonly body: Json; readonly actor: string; readonly at: number } | undefined;
};

/** The result of an attempt. */
export type Settlement =
  | { readonly status: "success"; readonly outputs: Json; readonly dedupeKey: string | undefined }
  | { readonly status: "skipped"; readonly reason: string }
  | { readonly status: "failure"; readonly reason: string; readonly http: FailureStatus; readonly kind: FailureKind }
  | {
      readonly status: "queued";
      readonly dueAt: number;
      /** Whether it counts as a failed attempt. */
      readonly counts: boolean;
      readonly reason: string | undefined;
      readonly http: FailureStatus | undefined;
      readonly kind: FailureKind | undefined;
    }
  | Suspension
  | { readonly status: "cancelled"; readonly reason: string };
