import type { Clock } from "../model/clock.ts";

/** Work that is done whenever it is asked for, one round at a time, and again when a round said so. */
export type Pump = {
  /** Starts a round now, or another one after the round that is under way. */
  wake(): void;
  stop(): void;
  /** Resolves when no round is under way. */
  rest(): Promise<void>;
  /** For how long the round under way has been so, ms; undefined between rounds. */
  busyForMs(): number | undefined;
};

/**
 * @param round does the work and resolves with when to wake by itself (epoch milliseconds), if at all.
 * @param failed is told why a round failed, and says when to try again (epoch milliseconds).
 */
export function pump(clock: Clock, round: () => Promise<number | undefined>, failed: (error: unknown) => number): Pump {
  let busy = false;
  let rounds = Promise.resolve();
  let since = 0;
  let again = false;
  let stopped = false;
  let cancel = () => {};

  async function work(): Promise<void> {
    busy = true;
    let next: number | undefined;
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
    if (next !== undefined && !stopped) cancel = clock.alarm(next, wake);
  }

  function wake(): void {
    again = true;
    if (!busy && !stopped) rounds = work();
  }

  return {
    wake,
    stop() {
      stopped = true;
      cancel();
    },
    rest: () => rounds,
    busyForMs: () => (busy ? clock.monotonic() - since : undefined),
  };
}

/** Does something every so many milliseconds until it is stopped. */
export function every(clock: Clock, milliseconds: number, work: () => Promise<void>): () => void {
  let stopped = false;
  let cancel = () => {};
  const next = () => {
    cancel = clock.alarm(clock.now() + milliseconds, () => void round());
  };
  const round = async () => {
    await work();
    if (!stopped) next();
  };
  next();
  return () => {
    stopped = true;
    cancel();
  };
}
