import { type Clock, pause } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import type { LogLine } from "../model/run.ts";
import { type Claim, type RunStore, StoreUnavailable } from "../model/store.ts";
import { splitSecrets, type Written } from "./split-secrets.ts";
import { STORE_RETRY_MS } from "./store-health.ts";

/** How long a line waits for others to be written with it, ms. */
const GATHERED_MS = 250;

/** How long the end of an attempt waits for a store that does not answer, ms. */
const PATIENCE_MS = 1000;

export type SavingLines = {
  readonly store: Pick<RunStore, "saveLines">;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn">;
  readonly scrub: (text: string) => string;
};

/**
 * The lines of an attempt on their way into the store, some at a time. A store that does not take them holds nothing up:
 * they wait, which the bounds of an attempt's log keep small, and are given up when the attempt has been stored without.
 */
export function keptLines(claim: Claim, { store, clock, log, scrub }: SavingLines) {
  const split = splitSecrets(scrub);
  let fresh: Written[] = [];
  /** Looked through for secrets that were written in pieces. */
  let waiting: readonly LogLine[] = [];
  let count = 0;
  let closed = false;
  let saving: Promise<void> | undefined;
  let cancel: (() => void) | undefined;

  function saveIn(milliseconds: number): void {
    cancel ??= clock.alarm(clock.now() + milliseconds, () => {
      cancel = undefined;
      void write();
    });
  }

  function gather(): void {
    if (fresh.length === 0) return;
    waiting = [...waiting, ...split(fresh)];
    fresh = [];
  }

  /** One write at a time, so that a reader who has seen a line has seen those before it. */
  function write(): Promise<void> {
    saving ??= writeAll().finally(() => {
      saving = undefined;
    });
    return saving;
  }

  async function writeAll(): Promise<void> {
    for (gather(); waiting.length > 0; gather()) {
      const lines = waiting;
      try {
        await store.saveLines(claim, lines);
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) return lost(error);
        if (!closed) saveIn(STORE_RETRY_MS);
        return;
      }
      waiting = waiting.slice(lines.length);
      if (!closed) return fresh.length > 0 ? saveIn(GATHERED_MS) : undefined;
    }
  }

  function lost(error?: unknown): void {
    const { run, attempt } = claim;
    const facts = { run: run.id, workflow: run.workflow, attempt, lines: waiting.length };
    log.warn({ ...facts, ...(error !== undefined && { err: error }) }, "lines of the run's log could not be stored");
    waiting = [];
  }

  return {
    /** @param raw what the workflow wrote, of which the line's message is what may be kept. */
    add(line: Omit<LogLine, "number">, raw: string): void {
      fresh.push({ line: { number: ++count, ...line }, raw });
      saveIn(GATHERED_MS);
    },
    /** There will be no more. */
    close(): void {
      closed = true;
      cancel?.();
      gather();
    },
    async save(): Promise<void> {
      if (waiting.length === 0 && !saving) return;
      const saved = new AbortController();
      await Promise.race([write(), pause(clock, PATIENCE_MS, saved.signal)]);
      saved.abort();
    },
    /** The attempt is stored: a last try, and what is left is counted. */
    giveUp(): void {
      if (waiting.length > 0) void write().then(() => waiting.length > 0 && lost());
    },
  };
}
