import type { RunLog } from "../model/context.ts";
import type { Log } from "../model/log.ts";
import type { Attempting } from "./attempting.ts";
import type { Keeping } from "./kept.ts";

/** Enough to follow a run by, little enough that a loop gone wild fills no disk. */
const MAX_LINES = 200;
const MAX_MESSAGE_CHARACTERS = 2000;
const MAX_FACTS_CHARACTERS = 8000;

const lines = new WeakMap<Attempting, number>();

/** The service's log for one attempt, with its facts on every line. What is beyond the bound is counted and dropped. */
export function boundedLog(
  attempting: Attempting,
  { log, brief }: { readonly log: Log } & Pick<Keeping, "brief">,
  facts: Readonly<Record<string, unknown>>,
): RunLog {
  const write = (level: keyof RunLog) => (message: string, own?: Readonly<Record<string, unknown>>) => {
    const line = (lines.get(attempting) ?? 0) + 1;
    lines.set(attempting, line);
    if (line === 1) {
      attempting.onEnd(() => {
        const dropped = (lines.get(attempting) ?? 0) - MAX_LINES;
        if (dropped > 0) log.warn({ ...facts, dropped }, `the workflow logged more than ${MAX_LINES} lines`);
      });
    }
    if (line <= MAX_LINES) log[level]({ ...bounded(own), ...facts }, brief(String(message), MAX_MESSAGE_CHARACTERS));
  };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

function bounded(own: Readonly<Record<string, unknown>> | undefined): Readonly<Record<string, unknown>> {
  if (own === undefined) return {};
  try {
    const text = JSON.stringify(own);
    return text.length <= MAX_FACTS_CHARACTERS ? (JSON.parse(text) as typeof own) : { facts: "[too large]" };
  } catch {
    return { facts: "[JSON cannot carry them]" };
  }
}
