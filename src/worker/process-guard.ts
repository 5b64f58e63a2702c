import { createRequire, syncBuiltinESMExports } from "node:module";
import type { Log } from "../model/log.ts";
import { type Attempting, currentAttempt } from "./attempting.ts";
import { callOf } from "./calls.ts";
import type { Keeping } from "./kept.ts";
import { failedAside } from "./outcome.ts";

const require = createRequire(import.meta.url);

/**
 * Keeps workflows that live in this process from ending it. What their code does is told from what the service does by
 * the attempt in whose name it runs: errors that nobody catches, `process.exit` and the like end that attempt; what it
 * prints goes to its bounded log; intervals that it leaves running are stopped; stacks are deep enough to show it. Everything else stays as it was.
 * Not held: a loop that never yields, memory without end, native code, child processes.
 * @returns how to undo it.
 */
export function guardProcess(log: Log, { scrub }: Pick<Keeping, "scrub">): () => void {
  const undo = [
    ...["exit", "reallyExit", "abort"].map((name) => replaced(process, name, refusing(`process.${name}`))),
    replaced(process, "kill", refusing("process.kill", isOurs)),
    replaced(globalThis, "setInterval", remembering),
    replaced(require("node:timers"), "setInterval", remembering),
    ...CONSOLE.map(([name, level]) => replaced(console, name, loggingAs(level, name === "dir" ? 1 : undefined))),
  ];
  syncBuiltinESMExports();
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = STACK_FRAMES;
  const uncaught = (error: unknown) => stray(error, "uncaughtException", undefined, { log, scrub });
  const unhandled = (error: unknown, promise: Promise<unknown>) =>
    stray(error, "unhandledRejection", callOf(promise), { log, scrub });
  process.on("uncaughtException", uncaught);
  process.on("unhandledRejection", unhandled);
  return () => {
    process.off("uncaughtException", uncaught);
    process.off("unhandledRejection", unhandled);
    for (const restore of undo) restore();
    syncBuiltinESMExports();
    Error.stackTraceLimit = stackTraceLimit;
  };
}

/** Enough to lead from what a library throws to the workflow; Node's 10 often are not. */
const STACK_FRAMES = 50;

// biome-ignore lint/suspicious/noExplicitAny: functions of every kind are replaced here
type Any = (...given: any[]) => any;

/** Replaces a function by one that may ask the original. */
function replaced(holder: object, name: string, make: (original: Any) => Any): () => void {
  const functions = holder as Record<string, Any>;
  const original = functions[name] as Any;
  const replacement = make(original);
  functions[name] = replacement;
  return () => {
    if (functions[name] === replacement) functions[name] = original;
  };
}

/** Ends the attempt that calls it, and throws so that the caller does not continue; others get the original. */
function refusing(what: string, concerns: (...given: unknown[]) => boolean = () => true) {
  return (original: Any): Any =>
    function refuse(this: unknown, ...given: unknown[]) {
      const attempting = currentAttempt();
      if (!attempting || !concerns(...given)) return original.apply(this, given);
      const reason = `The workflow called ${what}, which would end the service: throw an error, or return skip(reason).`;
      attempting.end({ status: "failure", reason, http: 500, kind: "permanent" });
      throw new Error(reason);
    };
}

/** Whether a signal is meant for this process, its group or all there are; signal 0 only asks. */
function isOurs(pid: unknown, signal: unknown): boolean {
  return signal !== 0 && (Number(pid) === process.pid || Number(pid) <= 0);
}

function remembering(original: Any): Any {
  return (...given: unknown[]) => {
    const timer = original(...given);
    currentAttempt()?.keep(timer);
    return timer;
  };
}

const CONSOLE = [
  ["debug", "debug"],
  ["log", "info"],
  // What prints otherwise, such as a table, comes by one of these.
  ["dir", "info"],
  ["info", "info"],
  ["warn", "warn"],
  ["error", "error"],
] as const;

/** @param most how many of the arguments are printed; the others are options. */
function loggingAs(level: (typeof CONSOLE)[number][1], most?: number) {
  return (original: Any): Any =>
    (...given: unknown[]) => {
      const log = currentAttempt()?.about.runLog;
      if (log) log.print(level, given.slice(0, most));
      else original(...given);
    };
}

/** How often code that outlives its attempt is written about. */
const MAX_STRAYS = 5;
const strays = new WeakMap<Attempting, number>();

/** An error that nobody caught. One of the service's own ends the process, as it does without this guard. */
function stray(
  error: unknown,
  event: "uncaughtException" | "unhandledRejection",
  call: string | undefined,
  { log, scrub }: { readonly log: Log } & Pick<Keeping, "scrub">,
): void {
  const attempting = currentAttempt();
  if (!attempting) {
    if (process.listenerCount(event) > 1) return;
    if (event === "unhandledRejection") throw error;
    process.stderr.write(`${scrub(String(error instanceof Error ? error.stack : error))}\n`);
    process.exit(1);
  }
  if (attempting.fail(failedAside(error, call, attempting.about.source))) return;
  const count = (strays.get(attempting) ?? 0) + 1;
  strays.set(attempting, count);
  if (count > MAX_STRAYS) return;
  const { run, workflow } = attempting.about;
  log.warn({ run, workflow, err: error }, "code that a run has left behind threw; the run had ended before");
}
