import { createRequire, syncBuiltinESMExports } from "node:module";
import type { Log } from "../model/log.ts";
import { type Attempting, currentAttempt } from "./attempting.ts";
import { callOf } from "./calls.ts";
import type { Keeping } from "./kept.ts";
import { failedAside } from "./outcome.ts";

const require = createRequire(import.meta.url);

/**
 * Keeps workflows in this process from ending it. The current attempt tells whether code belongs to a workflow or to
 * the service. Uncaught errors, `process.exit` and similar calls end that attempt. What the code prints goes to the
 * attempt's bounded log. Intervals that it leaves running are stopped. Stacks are deep enough to show the workflow.
 * Everything else is unchanged.
 * It cannot stop an endless loop, unlimited memory use, native code or child processes.
 * @returns a function that restores everything.
 */
export function guardProcess(log: Log, { scrub }: Pick<Keeping, "scrub">): () => void {
  const undo = [
    ...["exit", "reallyExit", "abort"].map((name) => replaced(process, name, preventing(`process.${name}`))),
    replaced(process, "kill", preventing("process.kill", isOurs)),
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

/** Enough to show the way from a library's error to the workflow; Node's 10 are often too few. */
const STACK_FRAMES = 50;

// biome-ignore lint/suspicious/noExplicitAny: functions of every kind are replaced here
type Any = (...given: any[]) => any;

/** Replaces a function. The replacement may call the original. */
function replaced(holder: object, name: string, make: (original: Any) => Any): () => void {
  const functions = holder as Record<string, Any>;
  const original = functions[name] as Any;
  const replacement = make(original);
  functions[name] = replacement;
  return () => {
    if (functions[name] === replacement) functions[name] = original;
  };
}

/** Ends the attempt that calls it, and throws, so that the caller stops. Other callers get the original function. */
function preventing(what: string, concerns: (...given: unknown[]) => boolean = () => true) {
  return (original: Any): Any =>
    function prevent(this: unknown, ...given: unknown[]) {
      const attempting = currentAttempt();
      if (!attempting || !concerns(...given)) return original.apply(this, given);
      const reason = `The workflow called ${what}, which would end the service. Throw an error instead, or return skip(reason).`;
      attempting.end({ status: "failure", reason, http: 500, kind: "permanent" });
      throw new Error(reason);
    };
}

/** Whether a signal is for this process, its group or all processes. Signal 0 only checks. */
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
  // Other output, such as a table, uses one of these.
  ["dir", "info"],
  ["info", "info"],
  ["warn", "warn"],
  ["error", "error"],
] as const;

/** @param most how many arguments are printed; the others are options. */
function loggingAs(level: (typeof CONSOLE)[number][1], most?: number) {
  return (original: Any): Any =>
    (...given: unknown[]) => {
      const log = currentAttempt()?.about.runLog;
      if (log) log.print(level, given.slice(0, most));
      else original(...given);
    };
}

/** How many times the log reports code that outlives its attempt. */
const MAX_STRAYS = 5;
const strays = new WeakMap<Attempting, number>();

/** An uncaught error. If the service caused it, it ends the process, as it would without this guard. */
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
  log.warn({ run, workflow, err: error }, "code of an ended run threw an error");
}
