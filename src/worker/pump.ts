import type { Clock } from "../model/clock.ts";

/**
 * Runs work on request, one round at a time. A request during a round starts another round after it.
 * @param round does the work, and resolves with the latest time for the next round (epoch milliseconds).
 * @param failed gets the error of a failed round, and returns when to try again (epoch milliseconds).
 */
export function pump(clock: Clock, round: () => Promise<number>, failed: (error: unknown) => number) {
  let busy = false;
  let rounds = Promise.resolve();
  let since = 0;
  let again = false;
  let stopped = false;
  let cancel = () => {};

  async function work(): Promise<void> {
    busy = true;
    let next: number;
    do {
      again = false;
      since = clock.monotonic();
      try {
        next = await round();
      } catch (error) {
        next = failed(error);
      }
    } while (again && !stopped);
    busy = false;
    cancel();
    if (!stopped) cancel = clock.alarm(next, wake);
  }

  function wake(): void {
    again = true;
    if (!busy && !stopped) rounds = work();
  }

  return {
    /** Starts a round now, or another one after the current round. */
    wake,
    stop(): void {
      stopped = true;
      cancel();
    },
    /** Resolves when no round is running. */
    rest: (): Promise<void> => rounds,
    /** How long the current round has run, ms; undefined between rounds. */
    busyForMs: (): number | undefined => (busy ? clock.monotonic() - since : undefined),
  };
}
