import type { Attempt, Run } from "./run.ts";
import type { Accepted, Claim, NewRun, Settlement } from "./store.ts";

/**
 * Is told what happens while it happens; metrics, traces and notices are made of it. Observers return at once and never
 * throw. Those that are handed work do it exactly once, and pass on what it resolves or rejects with.
 */
export type Observer = {
  /** An event was stored: as a run of its own, or joined to one that waits. */
  accepted(event: NewRun, accepted: Accepted): void;
  /** Executes a run once. */
  attempt<T extends { attempt: Attempt; settlement: Settlement }>(claim: Claim, work: () => Promise<T>): Promise<T>;
  /** Does a step of the run that is being executed. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Sends one request to GitHub. `route` is its template, in words of GitHub's alone: `GET /repos/{owner}/{repo}`. */
  request<T extends { status: number }>(route: string, send: () => Promise<T>): Promise<T>;
  /** The run as it is after an attempt was stored: it has ended, or waits for another. */
  settled(run: Run): void;
};

/** One observer for all of these; what none of them wants to know costs nothing. */
export function observedBy(observers: readonly Partial<Observer>[]): Observer {
  const wanting = <K extends keyof Observer>(what: K) =>
    observers.flatMap((observer) => (observer[what] ? [observer as Pick<Observer, K>] : []));
  const [accepting, attempting, stepping, requesting, settling] = [
    wanting("accepted"),
    wanting("attempt"),
    wanting("step"),
    wanting("request"),
    wanting("settled"),
  ];
  return {
    accepted: (...facts) => {
      for (const observer of accepting) observer.accepted(...facts);
    },
    attempt: (claim, work) => attempting.reduce((inner, observer) => () => observer.attempt(claim, inner), work)(),
    step: (name, work) => stepping.reduce((inner, observer) => () => observer.step(name, inner), work)(),
    request: (route, send) => requesting.reduce((inner, observer) => () => observer.request(route, inner), send)(),
    settled: (run) => {
      for (const observer of settling) observer.settled(run);
    },
  };
}

/** Watches nothing. */
export const unobserved: Observer = observedBy([]);
