import type { Json, LogLine } from "./run.ts";
import { visible } from "./visible.ts";

/**
 * A line of a run's log as people read it: `2026-11-28T12:00:00.000Z INFO  found pull=7`, with a line feed. Further
 * lines, such as a stack, are indented, so that no text can look like another log line.
 */
export function lineText({ at, level, message, facts = {} }: Omit<LogLine, "number">): string {
  const { words, stacks } = factsText(facts);
  const text = [[message, ...words].join(" "), ...stacks].join("\n");
  return `${new Date(at).toISOString()} ${level.toUpperCase().padEnd(5)} ${visible(text).replaceAll("\n", "\n    ")}\n`;
}

/** Facts as words such as `pull=7`, and the stacks of errors, which have several lines. */
export function factsText(facts: NonNullable<LogLine["facts"]>): {
  readonly words: readonly string[];
  readonly stacks: readonly string[];
} {
  const stacks: string[] = [];
  const words = Object.entries(facts).flatMap(([name, value]) => {
    if (name === "stack" && typeof value === "string") {
      stacks.push(value);
      return [];
    }
    const { name: type, message, stack } = value instanceof Object ? (value as { readonly [key: string]: Json }) : {};
    if (typeof stack === "string") stacks.push(stack);
    return [`${wordOf(name)}=${wordOf(typeof stack === "string" ? `${type}: ${message}` : value)}`];
  });
  return { words, stacks: stacks.filter((stack) => stack !== "") };
}

/** Like logfmt: a value that is not a plain word is written as JSON. */
function wordOf(value: Json): string {
  return typeof value === "string" && /^[^\s"'=\\{}[\]]+$/.test(value) ? value : JSON.stringify(value);
}
