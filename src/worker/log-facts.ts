import { format } from "node:util";
import type { Json, LogLine } from "../model/run.ts";
import type { WorkflowSource } from "../model/workflow-file.ts";
import { type Keeping, keptFrames } from "./kept.ts";
import { shown, traceOf } from "./outcome.ts";

/** In characters of JSON. */
const MAX_FACTS_CHARACTERS = 8000;
const MAX_FACTS = 50;
const TOO_LARGE = "[too large]";
const MAX_NAME_CHARACTERS = 100;
const MAX_MESSAGE_CHARACTERS = 2000;

/**
 * The facts that a workflow logs with a message, as JSON without secrets. A fact that JSON cannot hold, or that throws
 * when read, does not affect the others. An error keeps its name, message, stack and causes.
 */
export function factsOf(given: unknown, keeping: Keeping, source: WorkflowSource | undefined): LogLine["facts"] {
  if (given === undefined || given === null) return undefined;
  const facts: Record<string, Json> = {};
  let left = MAX_FACTS_CHARACTERS;
  for (const [name, read] of namedIn(given).slice(0, MAX_FACTS)) {
    const text = jsonOf(read, (error) => errorFacts(error, keeping, source));
    if (text === undefined) continue;
    const fits = text.length <= left;
    facts[keeping.brief(name, MAX_NAME_CHARACTERS)] = fits ? (JSON.parse(text) as Json) : TOO_LARGE;
    left -= fits ? text.length : TOO_LARGE.length;
  }
  return Object.keys(facts).length === 0 ? undefined : (keeping.scrubAll(facts) as LogLine["facts"]);
}

type Named = readonly [name: string, read: () => unknown];

function namedIn(given: unknown): readonly Named[] {
  if (given instanceof Error) return [["error", () => given]];
  if (typeof given !== "object" || Array.isArray(given)) return [["facts", () => given]];
  try {
    return Object.keys(given as object).map((name) => [name, () => (given as Record<string, unknown>)[name]]);
  } catch {
    return [["facts", () => given]];
  }
}

/** Undefined for values that JSON omits, such as a function. */
function jsonOf(read: () => unknown, ofError: (error: Error) => Json): string | undefined {
  try {
    return JSON.stringify(read(), function (this: Record<string, unknown>, name, value: unknown) {
      const original = this[name];
      if (original instanceof Error) return ofError(original);
      return typeof value === "bigint" ? String(value) : value;
    }) as string | undefined;
  } catch {
    return '"[cannot be shown as JSON]"';
  }
}

/** Properties that distinguish errors of one class, if they are strings or numbers. */
const TELLING = ["code", "status"] as const;

function errorFacts(error: Error, keeping: Keeping, source: WorkflowSource | undefined): Json {
  const { name, message } = error;
  const telling = TELLING.flatMap((each) => {
    const value = (error as unknown as Record<string, unknown>)[each];
    return typeof value === "string" || typeof value === "number" ? [[each, value]] : [];
  });
  return {
    name: keeping.brief(String(name), MAX_NAME_CHARACTERS),
    message: keeping.brief(String(message), MAX_MESSAGE_CHARACTERS),
    ...Object.fromEntries(telling),
    // The stack includes the causes.
    stack: keptFrames(traceOf(error, source)?.stack ?? [], keeping).join("\n"),
  };
}

/** The text that `console` prints: formats such as `%s` are filled in, and the rest follows. */
export function printed(given: readonly unknown[]): string {
  const [first, ...rest] = given;
  try {
    const words = rest.map((each) => (each instanceof Error ? shown(each) : each));
    if (typeof first === "string" && rest.length > 0 && FORMATS.test(first)) return format(first, ...words);
    return given.map(shown).join(" ");
  } catch {
    return "[cannot be shown]";
  }
}

/** https://nodejs.org/api/util.html#utilformatformat-args */
const FORMATS = /%[sdifjoOc]/;

const MAX_ERRORS = 3;

/** The errors among the printed values, as facts: the printed text has only their messages. */
export function errorsIn(given: readonly unknown[]): Readonly<Record<string, Error>> | undefined {
  const errors = given.filter((each) => each instanceof Error).slice(0, MAX_ERRORS);
  return errors.length === 0
    ? undefined
    : Object.fromEntries(errors.map((error, at) => [at === 0 ? "error" : `error${at + 1}`, error]));
}

export function textOf(message: unknown): string {
  try {
    return String(message);
  } catch {
    return "[cannot be shown]";
  }
}
