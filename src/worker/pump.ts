import type { Clock } from "../model/clock.ts";

/**
 * Work that is done whenever it is asked for, one round at a time, and again when a round said so.
 * @param round does the work and resolves with when to wake by itself (epoch milliseconds), at the latest.
 * @param failed is told why a round failed, and says when to try again (epoch milliseconds).
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
    /** Starts a round now, or another one after the round that is under way. */
    wake,
    stop(): void {
      stopped = true;
      cancel();
    },
    /** Resolves when no round is under way. */
    rest: (): Promise<void> => rounds,
    /** For how long the round under way has been so, ms; undefined between rounds. */
    busyForMs: (): number | undefined => (busy ? clock.monotonic() - since : undefined),
  };
}
