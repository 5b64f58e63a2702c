import { type Clock, pause } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import { type StoreTrouble, StoreUnavailable } from "../model/store.ts";

/** Whether the store can be written, said in the log once when it changes. */
export type StoreHealth = ReturnType<typeof storeHealth>;

/**
 * Whether a write needs room of its own, or changes what is there and perhaps nothing. On a full disk PostgreSQL takes the
 * second and refuses the first.
 */
type WriteKind = "adds" | "changes";

/** How soon a store that could not be written is tried again, ms. */
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
        log.error({ err: error }, "the store cannot be written: runs wait, and callers are answered 503");
      failing.add(kind);
      trouble = error.trouble;
      throw error;
    }
  }

  function recover(): void {
    if (failing.size === 0) return;
    log.info("the store can be written again");
    failing.clear();
    trouble = undefined;
  }

  return {
    /** Passes the result of a write on, and learns from it. */
    watch,
    /** Why the store cannot be written, by its last word; undefined when it can. */
    trouble: (): StoreTrouble | undefined => trouble,
    /**
     * Writes until the store takes it: what has happened at GitHub has happened, and forgetting it would repeat it.
     * Rejects only with what is not the store's fault.
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
    /** From now on every write is tried once, and those that are waited for are tried again. */
    stopInsisting: (): void => insisting.abort(),
  };
}
