import type { Clock } from "../model/clock.ts";

/** The minimum time between two writes, for any number of requests. */
const WRITE_EVERY_MS = 1000;

export type WriteBehind = {
  /** Call this when there is something to write. It is written immediately, or one second after the last write. */
  later(): void;
  /** Writes everything now. */
  flush(): Promise<void>;
  /** Writes everything now and stops. */
  close(): Promise<void>;
};

/**
 * Writes in batches what requests leave in memory. With one write per request, a flood of requests delayed normal dispatches on
 * PostgreSQL by seconds.
 * @param write writes everything in memory. It never rejects: what it could not write stays in memory.
 */
export function writeBehind(clock: Clock, hasGathered: () => boolean, write: () => Promise<void>): WriteBehind {
  let notBefore = 0;
  let waiting: (() => void) | undefined;
  let writing: Promise<void> | undefined;

  function later(): void {
    if (waiting || writing || !hasGathered()) return;
    const at = Math.min(Math.max(clock.now(), notBefore), clock.now() + WRITE_EVERY_MS);
    waiting = clock.alarm(at, () => void writeNow());
  }

  async function writeNow(): Promise<void> {
    waiting?.();
    waiting = undefined;
    notBefore = clock.now() + WRITE_EVERY_MS;
    writing = write();
    await writing;
    writing = undefined;
    later();
  }

  async function flush(): Promise<void> {
    await writing;
    if (hasGathered()) await writeNow();
  }

  return {
    later,
    flush,
    async close() {
      await flush();
      waiting?.();
    },
  };
}
