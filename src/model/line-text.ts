import type { Json, LogLine } from "./run.ts";
import { visible } from "./visible.ts";

/**
 * A line of a run's log as people read it: `2026-11-28T12:00:00.000Z INFO  found pull=7`, with a line feed. What does not
 * fit on one line follows indented, such as a stack: nothing that is written can look like another line.
 */
export function lineText({ at, level, message, facts = {} }: Omit<LogLine, "number">): string {
  const stacks: string[] = [];
  const words = Object.entries(facts).map(([name, value]) => {
    const { name: type, message: told, stack } = recordOf(value);
    if (name === "stack" && typeof value === "string") {
      stacks.push(value);
      return "";
    }
    if (typeof stack !== "string") return ` ${wordOf(name)}=${wordOf(value)}`;
    stacks.push(stack);
    return ` ${wordOf(name)}=${wordOf(`${type}: ${told}`)}`;
  });
  const text = [`${message}${words.join("")}`, ...stacks].join("\n");
  return `${new Date(at).toISOString()} ${level.toUpperCase().padEnd(5)} ${visible(text).replaceAll("\n", "\n    ")}\n`;
}

function recordOf(value: Json): { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as never) : {};
}

/** As in logfmt: what is no plain word is JSON. */
function wordOf(value: Json): string {
  return typeof value === "string" && /^[^\s"'=\\{}[\]]+$/.test(value) ? value : JSON.stringify(value);
}
