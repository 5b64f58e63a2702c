import type { Claim } from "../model/claim.ts";
import type { RunLog } from "../model/context.ts";
import type { Log } from "../model/log.ts";
import type { LogLine, Outcome } from "../model/run.ts";
import type { WorkflowSource } from "../model/workflow-file.ts";
import type { Keeping } from "./kept.ts";
import { errorsIn, factsOf, printed, textOf } from "./log-facts.ts";
import { keptLines, type SavingLines } from "./run-lines.ts";

/** Enough to follow a run. A loop that logs forever must not fill the disk. */
const MAX_LINES = 200;
/** The limit for an attempt's messages and facts, in UTF-8. */
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

/**
 * The log of one attempt. A line goes to the service's log immediately, and to the run's log a moment later. Lines
 * beyond the limits are counted and dropped. After the attempt has ended, lines go only to the service's log.
 */
export class AttemptLog {
  readonly #claim: Claim;
  readonly #parts: RunLogParts;
  /** The attempt's trace, not that of the step that writes first. */
  readonly #trace: Facts | undefined;
  /** Most runs write nothing. */
  #lines: ReturnType<typeof keptLines> | undefined;
  /** What the workflow wrote (lines), and what the run's log has kept (lines and bytes) and dropped (lines). */
  #written = 0;
  #kept = 0;
  #bytes = 0;
  #dropped = 0;
  #ended = false;
  /** The stack of the last stored error. */
  #latestStack: string | undefined;

  constructor(claim: Claim, parts: RunLogParts) {
    this.#claim = claim;
    this.#parts = parts;
    this.#trace = parts.traceIds?.();
  }

  /** The log for the workflow. */
  get log(): RunLog {
    const at = (level: Level) => (message: string, given?: Facts) => this.#write(level, message, given);
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }

  /** The attempt's lines, for its end; undefined if there are none. */
  get lines() {
    return this.#lines;
  }

  /** Writes the arguments of the workflow's `console`. */
  print(level: Level, given: readonly unknown[]): void {
    this.#write(level, printed(given), errorsIn(given));
  }

  /** Writes a warning of the service about the attempt. */
  warn(message: string, given: Facts): void {
    this.#parts.log.warn({ ...this.#facts, ...given }, message);
    this.#keep("warn", message, this.#factsOf(given));
  }

  /** Writes an error that the workflow may catch. It does not go to the service's log. */
  failed(what: string, error: unknown): void {
    const text = `${what} failed: ${printed([error])}`;
    this.#keep("error", this.#parts.keeping.brief(text, MAX_MESSAGE_CHARACTERS), this.#factsOf({ error }));
  }

  /**
   * Call this when the attempt has ended. `outcome` is undefined if the run was given back. An exception gets a line,
   * and the last line counts the dropped lines.
   */
  end(outcome: Outcome | undefined): void {
    this.#ended = true;
    if (outcome?.status === "failure" && (outcome.stack !== undefined || this.#kept > 0)) {
      const level = outcome.kind === "permanent" ? "error" : "warn";
      const stack = outcome.stack?.join("\n");
      const facts = stack === undefined || stack === this.#latestStack ? undefined : { stack };
      this.#add(level, outcome.reason, facts);
    }
    if (this.#dropped > 0) {
      const bounds = `${MAX_LINES} lines and 64 KB per attempt`;
      this.#add("warn", `${this.#dropped} more lines were dropped: a run's log keeps ${bounds}.`, undefined);
    }
    const beyond = this.#written - MAX_LINES;
    if (beyond > 0)
      this.#parts.log.warn({ ...this.#facts, dropped: beyond }, `the workflow logged more than ${MAX_LINES} lines`);
    this.#lines?.close();
  }

  #write(level: Level, message: unknown, given: unknown): void {
    this.#written++;
    const isBeyond = this.#written > MAX_LINES;
    if (isBeyond && (this.#ended || this.#dropped > 0)) {
      this.#dropped++;
      return;
    }
    const { log, keeping } = this.#parts;
    const raw = textOf(message);
    const text = keeping.brief(raw, MAX_MESSAGE_CHARACTERS);
    const facts = this.#factsOf(given);
    if (!isBeyond) log[level]({ ...facts, ...this.#facts }, text);
    // If a message was cut, its secret does not continue on the next line.
    this.#keep(level, text, facts, raw.length > MAX_MESSAGE_CHARACTERS ? text : raw);
  }

  #keep(level: Level, message: string, facts: LogLine["facts"], raw = message): void {
    if (this.#ended) return;
    this.#latestStack = (facts?.error as { stack?: string } | undefined)?.stack ?? this.#latestStack;
    this.#bytes += Buffer.byteLength(message) + (facts ? Buffer.byteLength(JSON.stringify(facts)) : 0);
    // All later lines are dropped too: a gap would not be visible.
    if (this.#dropped > 0 || this.#kept === MAX_LINES || this.#bytes > MAX_BYTES) {
      this.#dropped++;
      return;
    }
    this.#kept++;
    this.#add(level, message, facts, raw);
  }

  #add(level: Level, message: string, facts: LogLine["facts"], raw = message): void {
    const { clock, keeping } = this.#parts;
    this.#lines ??= keptLines(this.#claim, { ...this.#parts, scrub: keeping.scrubCertain });
    this.#lines.add({ at: clock.now(), level, message, facts }, raw);
  }

  get #facts(): Facts {
    const { run, attempt } = this.#claim;
    return { run: run.id, workflow: run.workflow, attempt, ...this.#trace };
  }

  #factsOf(given: unknown): LogLine["facts"] {
    const { keeping, sourceOf } = this.#parts;
    return factsOf(given, keeping, sourceOf?.(this.#claim.run.workflow));
  }
}
