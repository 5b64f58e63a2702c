import type { BegunWait, Outcome } from "../model/run.ts";

/** A wait for which an attempt ends. */
export type SuspendedWait = {
  readonly wait: BegunWait;
  readonly wakeKeys: readonly string[];
  /** What is waited for, as part of a sentence: `sleeps for 2h (quiet period)`. */
  readonly words: string;
};

const MAX_NAMED = 5;

/** What an attempt comes to whose workflow must wait. The same waits give the same reason. */
export function waitingFor(waits: readonly SuspendedWait[]): Outcome {
  const named = waits.slice(0, MAX_NAMED).map(({ words }) => words);
  const more = waits.length > MAX_NAMED ? [`waits for ${waits.length - MAX_NAMED} more`] : [];
  return {
    status: "waiting",
    reason: `The run ${[...named, ...more].join(", and ")}.`,
    waits: waits.map(({ wait }) => wait),
    wakeKeys: [...new Set(waits.flatMap((each) => each.wakeKeys))],
  };
}
