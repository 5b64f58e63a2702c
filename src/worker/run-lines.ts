import type { Claim } from "../model/claim.ts";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import type { LogLine } from "../model/run.ts";
import { type RunStore, StoreUnavailable } from "../model/store.ts";
import { splitSecrets, type Written } from "./split-secrets.ts";
import { STORE_RETRY_MS } from "./store-health.ts";

/** How long a line waits for others, to be written together, ms. */
const GATHERED_MS = 250;

export type SavingLines = {
  readonly store: Pick<RunStore, "saveLines">;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn">;
  readonly scrub: (text: string) => string;
};

/**
 * Writes the lines of an attempt to the store, several at a time. The last ones are stored with the attempt's end. If
 * the store is not available, the lines wait without delaying the run. The limits of an attempt's log keep their number
 * low.
 */
export function keptLines(claim: Claim, { store, clock, log, scrub }: SavingLines) {
  const split = splitSecrets(scrub);
  let fresh: Written[] = [];
  /** Lines that were checked for secrets in pieces. */
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

  /** One write at a time, so that a reader who sees a line also sees the lines before it. */
  function write(): Promise<void> {
    saving ??= writeWaiting().finally(() => {
      saving = undefined;
    });
    return saving;
  }

  async function writeWaiting(): Promise<void> {
    gather();
    const lines = waiting;
    if (lines.length === 0) return;
    try {
      await store.saveLines(claim, lines);
      waiting = waiting.filter((line) => !lines.includes(line));
      if (fresh.length > 0) saveIn(GATHERED_MS);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) lost(error);
      else if (!closed) saveIn(STORE_RETRY_MS);
    }
  }

  function lost(error?: unknown): void {
    if (waiting.length === 0) return;
    const { run, attempt } = claim;
    const facts = { run: run.id, workflow: run.workflow, attempt, lines: waiting.length };
    log.warn({ ...facts, ...(error !== undefined && { err: error }) }, "lines of the run's log could not be stored");
    waiting = [];
  }

  return {
    /** @param raw what the workflow wrote. The line's message is its safe form. */
    add(line: Omit<LogLine, "number">, raw: string): void {
      fresh.push({ line: { number: ++count, ...line }, raw });
      saveIn(GATHERED_MS);
    },
    /** Call this after the last line. */
    close(): void {
      closed = true;
      cancel?.();
      gather();
    },
    /** The lines that are not stored yet. */
    left: (): readonly LogLine[] => waiting,
    /** The lines were stored with the end of the attempt. */
    stored(): void {
      waiting = [];
    },
    /** The attempt could not be stored with these lines. */
    lost,
    /** Another process has stored the attempt, so the lines are stored alone. */
    saveLeft(): void {
      if (waiting.length > 0) void write().then(() => lost());
    },
  };
}
