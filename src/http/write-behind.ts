import type { Clock } from "../model/clock.ts";

/** The store is written to this often at most, however many requests there are. */
const WRITE_EVERY_MS = 1000;

export type WriteBehind = {
  /** Something has gathered: it is written at once when the last write was a second ago, else a second after it. */
  later(): void;
  /** Writes what has gathered. */
  flush(): Promise<void>;
  /** The same, for the last time. */
  close(): Promise<void>;
};

/**
 * Writes what requests leave in memory, in batches. One write per request made a flood of them delay honest dispatches on
 * PostgreSQL by seconds.
 * @param write takes all that has gathered. It never rejects: what could not be written is gathered again.
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
