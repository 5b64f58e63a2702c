import { type Clock, pause } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import { type StoreTrouble, StoreUnavailable } from "../model/store.ts";

/** Knows whether the store can be written. Logs each change once. */
export type StoreHealth = ReturnType<typeof storeHealth>;

/**
 * Whether a write adds data, or changes data that exists. On a full disk, PostgreSQL accepts the second and rejects the
 * first.
 */
type WriteKind = "adds" | "changes";

/** The delay before a failed store is tried again, ms. */
export const STORE_RETRY_MS = 1000;

export function storeHealth({ log, clock }: { log: Log; clock: Clock }) {
  const failing = new Set<WriteKind>();
  let trouble: StoreTrouble | undefined;
  const insisting = new AbortController();

  async function watch<T>(write: Promise<T>, kind: WriteKind): Promise<T> {
    try {
      const result = await write;
      if (kind === "adds" || failing.has(kind)) recover();
      return result;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      if (failing.size === 0 || trouble !== error.trouble)
        log.error({ err: error }, "the database cannot be written: runs wait, and callers get 503");
      failing.add(kind);
      trouble = error.trouble;
      throw error;
    }
  }

  function recover(): void {
    if (failing.size === 0) return;
    log.info("the database can be written again");
    failing.clear();
    trouble = undefined;
  }

  return {
    /** Returns a write's result, and learns from it whether the store works. */
    watch,
    /** Why the store cannot be written, from its last error; undefined if it can. */
    trouble: (): StoreTrouble | undefined => trouble,
    /**
     * Writes until the store accepts it. Forgetting something that happened at GitHub would repeat it. Rejects only
     * with errors that are not the store's fault.
     */
    async insist<T>(write: () => Promise<T>, kind: WriteKind = "adds"): Promise<T> {
      for (;;) {
        try {
          return await watch(write(), kind);
        } catch (error) {
          if (!(error instanceof StoreUnavailable) || insisting.signal.aborted) throw error;
          await pause(clock, STORE_RETRY_MS, insisting.signal);
        }
      }
    },
    /** From now on every write is tried once. Pending writes are tried one last time. */
    stopInsisting: (): void => insisting.abort(),
  };
}
