import type { Log } from "../log.ts";
import type { Clock } from "../model/clock.ts";
import { StoreUnavailable } from "../model/store.ts";

/** Whether the store can be written, said in the log once when it changes. */
export type StoreHealth = {
  /** Passes the result of a write on, and learns from it. */
  watch<T>(write: Promise<T>): Promise<T>;
  /**
   * Writes until the store takes it: what has happened at GitHub has happened, and forgetting it would repeat it.
   * Rejects only with what is not the store's fault.
   */
  insist<T>(write: () => Promise<T>): Promise<T>;
};

/** How soon a store that could not be written is tried again, ms. */
export const STORE_RETRY_MS = 1000;

export function storeHealth({ log, clock }: { log: Log; clock: Clock }): StoreHealth {
  let unwell = false;

  async function watch<T>(write: Promise<T>): Promise<T> {
    try {
      const result = await write;
      if (unwell) log.info("the store can be written again");
      unwell = false;
      return result;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      if (!unwell) log.error({ err: error }, "the store cannot be written: runs wait, and callers are answered 503");
      unwell = true;
      throw error;
    }
  }

  return {
    watch,
    async insist(write) {
      for (;;) {
        try {
          return await watch(write());
        } catch (error) {
          if (!(error instanceof StoreUnavailable)) throw error;
          await new Promise<void>((resolve) => void clock.alarm(clock.now() + STORE_RETRY_MS, resolve));
        }
      }
    },
  };
}
