import type { Claim, Settlement } from "./claim.ts";
import type { FollowedRun } from "./github.ts";
import type { Accepted, NewRun } from "./new-run.ts";
import type { Attempt, Run } from "./run.ts";

/**
 * Watches events as they happen, for metrics, traces and notices. Observers return immediately and never throw. If they
 * get work, they run it exactly once, and return its result or error.
 */
export type Observer = {
  /** An event was stored: as a new run, or joined to a waiting one. */
  accepted(event: NewRun, accepted: Accepted): void;
  /** Executes a run once. */
  attempt<T extends { attempt: Attempt; settlement: Settlement }>(claim: Claim, work: () => Promise<T>): Promise<T>;
  /** Runs a step of the current run. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Sends one request to GitHub. `route` is its template, without values: `GET /repos/{owner}/{repo}`. */
  request<T extends { status: number }>(route: string, send: () => Promise<T>): Promise<T>;
  /** A followed Actions run has ended. */
  followed(ended: FollowedRun): void;
  /** The run after an attempt was stored: it has ended, or waits for another one. */
  settled(run: Run): void;
  /** Old ended runs were deleted. */
  forgotten(): void;
};

/** Combines observers into one. */
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
