import type { Claim } from "../model/claim.ts";
import type { RunLog } from "../model/context.ts";
import type { Log } from "../model/log.ts";
import type { LogLine, Outcome } from "../model/run.ts";
import type { WorkflowSource } from "../model/workflow.ts";
import type { Keeping } from "./kept.ts";
import { errorsIn, factsOf, printed, textOf } from "./log-facts.ts";
import { keptLines, type SavingLines } from "./run-lines.ts";

/** Enough to follow a run by, little enough that a loop gone wild fills no disk. */
const MAX_LINES = 200;
/** Of an attempt's messages and facts, in UTF-8. */
const MAX_BYTES = 65_536;
const MAX_MESSAGE_CHARACTERS = 2000;

type Level = LogLine["level"];
type Facts = Readonly<Record<string, unknown>>;

export type RunLogParts = Omit<SavingLines, "scrub"> & {
  readonly log: Log;
  readonly keeping: Keeping;
  readonly sourceOf?: ((workflow: string) => WorkflowSource | undefined) | undefined;
  readonly traceIds?: (() => Facts | undefined) | undefined;
};

/** What one attempt writes. */
export type AttemptLog = ReturnType<typeof openRunLog>;

/**
 * The log of one attempt. A line goes to the service's log at once, and to the run's a moment later. What is beyond the
 * bounds is counted and dropped. After the end of the attempt lines go to the service's log alone.
 */
export function openRunLog(claim: Claim, parts: RunLogParts) {
  const { log, keeping, clock, sourceOf, traceIds } = parts;
  const { id: run, workflow } = claim.run;
  /** Most runs write nothing. */
  let lines: ReturnType<typeof keptLines> | undefined;
  // Of the attempt, and not of the step that writes first.
  const facts: Facts = { run, workflow, attempt: claim.attempt, ...traceIds?.() };
  /** Lines that the workflow wrote, and those that the run's log has and has not room for. */
  const count = { written: 0, kept: 0, bytes: 0, dropped: 0 };
  let ended = false;
  /** Of the error that was kept last. */
  let latestStack: string | undefined;

  function write(level: Level, message: unknown, given: unknown): void {
    count.written++;
    const isBeyond = count.written > MAX_LINES;
    if (isBeyond && (ended || count.dropped > 0)) {
      count.dropped++;
      return;
    }
    const raw = textOf(message);
    const text = keeping.brief(raw, MAX_MESSAGE_CHARACTERS);
    const own = factsOf(given, keeping, sourceOf?.(workflow));
    if (!isBeyond) log[level]({ ...own, ...facts }, text);
    // Of what was cut nothing continues on the next line.
    keep(level, text, own, raw.length > MAX_MESSAGE_CHARACTERS ? text : raw);
  }

  function keep(level: Level, message: string, own: LogLine["facts"], raw = message): void {
    if (ended) return;
    latestStack = (own?.error as { stack?: string } | undefined)?.stack ?? latestStack;
    count.bytes += Buffer.byteLength(message) + (own ? Buffer.byteLength(JSON.stringify(own)) : 0);
    // What follows the first one without room is dropped, too: a gap would not show.
    if (count.dropped > 0 || count.kept === MAX_LINES || count.bytes > MAX_BYTES) {
      count.dropped++;
      return;
    }
    count.kept++;
    add(level, message, own, raw);
  }

  function add(level: Level, message: string, own: LogLine["facts"], raw = message): void {
    lines ??= keptLines(claim, { ...parts, scrub: keeping.scrubCertain });
    lines.add({ at: clock.now(), level, message, facts: own }, raw);
  }

  return {
    /** For the workflow. */
    get log(): RunLog {
      const at = (level: Level) => (message: string, given?: Facts) => write(level, message, given);
      return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
    },
    /** What the workflow prints, as its `console` was given it. */
    print(level: Level, given: readonly unknown[]): void {
      write(level, printed(given), errorsIn(given));
    },
    /** What the service has to say about the attempt. */
    warn(message: string, given: Facts): void {
      log.warn({ ...facts, ...given }, message);
      keep("warn", message, factsOf(given, keeping, sourceOf?.(workflow)));
    },
    /** An error that the workflow may catch: the service's log does not have it. */
    failed(what: string, error: unknown): void {
      const own = factsOf({ error }, keeping, sourceOf?.(workflow));
      keep("error", keeping.brief(`${what} failed: ${printed([error])}`, MAX_MESSAGE_CHARACTERS), own);
    },
    /**
     * The attempt has ended so, or is given back. An exception has a line, and the last line says how many were dropped.
     */
    end(outcome: Outcome | undefined): void {
      ended = true;
      if (outcome?.status === "failure" && (outcome.stack !== undefined || count.kept > 0)) {
        const level = outcome.kind === "permanent" ? "error" : "warn";
        const stack = outcome.stack?.join("\n");
        const own = stack === undefined || stack === latestStack ? undefined : { stack };
        add(level, outcome.reason, own);
      }
      const { dropped, written } = count;
      if (dropped > 0) {
        const bounds = `${MAX_LINES} lines and 64 KB per attempt`;
        add("warn", `${dropped} more lines were dropped: a run's log keeps ${bounds}.`, undefined);
      }
      const beyond = written - MAX_LINES;
      if (beyond > 0) log.warn({ ...facts, dropped: beyond }, `the workflow logged more than ${MAX_LINES} lines`);
      lines?.close();
    },
    /** What it wrote, for the end of the attempt; undefined when that is nothing. */
    get lines() {
      return lines;
    },
  };
}
