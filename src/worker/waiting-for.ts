import type { BegunWait, Outcome } from "../model/run.ts";

/** A wait that ends its attempt. */
export type SuspendedWait = {
  readonly wait: BegunWait;
  readonly wakeKeys: readonly string[];
  /** What the run waits for, as part of a sentence: `sleeps for 2h (quiet period)`. */
  readonly words: string;
};

const MAX_NAMED = 5;

/** The outcome of an attempt whose workflow must wait. The same waits give the same reason. */
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
