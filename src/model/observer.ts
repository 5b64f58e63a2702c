import type { Claim, Settlement } from "./claim.ts";
import type { FollowedRun } from "./github.ts";
import type { Accepted, NewRun } from "./new-run.ts";
import type { Attempt, Run } from "./run.ts";

/**
 * Is told what happens while it happens; metrics, traces and notices are made of it. Observers return at once and never
 * throw. Those that are handed work do it exactly once, and pass on what it resolves or rejects with.
 */
export type Observer = {
  /** An event was stored: as a new run, or joined to one that waits. */
  accepted(event: NewRun, accepted: Accepted): void;
  /** Executes a run once. */
  attempt<T extends { attempt: Attempt; settlement: Settlement }>(claim: Claim, work: () => Promise<T>): Promise<T>;
  /** Does a step of the run that is being executed. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Sends one request to GitHub. `route` is its template, in words of GitHub's alone: `GET /repos/{owner}/{repo}`. */
  request<T extends { status: number }>(route: string, send: () => Promise<T>): Promise<T>;
  /** An Actions run that a workflow follows was found to have ended. */
  followed(ended: FollowedRun): void;
  /** The run as it is after an attempt was stored: it has ended, or waits for another. */
  settled(run: Run): void;
  /** Runs that ended long ago were deleted. */
  forgotten(): void;
};

/** One observer for all of these. */
export function observedBy(observers: readonly Partial<Observer>[]): Observer {
  return {
    accepted: (...facts) => {
      for (const { accepted } of observers) accepted?.(...facts);
    },
    attempt: (claim, work) =>
      observers.reduce((inner, { attempt }) => (attempt ? () => attempt(claim, inner) : inner), work)(),
    step: (name, work) => observers.reduce((inner, { step }) => (step ? () => step(name, inner) : inner), work)(),
    request: (route, send) =>
      observers.reduce((inner, { request }) => (request ? () => request(route, inner) : inner), send)(),
    followed: (ended) => {
      for (const { followed } of observers) followed?.(ended);
    },
    settled: (run) => {
      for (const { settled } of observers) settled?.(run);
    },
    forgotten: () => {
      for (const { forgotten } of observers) forgotten?.();
    },
  };
}

/** Watches nothing. */
export const unobserved: Observer = observedBy([]);
