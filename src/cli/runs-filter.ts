import type { Command } from "commander";
import type { RunFilter } from "../model/history.ts";
import { parseSearch, QUALIFIERS, searchText } from "../model/search.ts";
import { pastTime, type Side } from "../model/search-time.ts";
import { CommandError } from "./command.ts";

/** The options that select runs, the same for every command. */
export type FilterOptions = { readonly [Name in (typeof NAMES)[number]]?: string | undefined };

const NAMES = ["workflow", "group", "text", "since", "until"] as const;

const TIME = "30m, 2h or 3d ago, 13:00, 2026-11-29 or 2026-11-29T13:00";
const TIME_EXAMPLES = "30m, 2h, 3d, 13:00, 2026-11-29, 2026-11-29T13:00";

/** @param lead begins each description, such as `Only runs`. */
export function addFilterOptions(command: Command, lead: string): Command {
  return command
    .option("--workflow <name>", `${lead} of this workflow`)
    .option("--group <name>", `${lead} of this concurrency group, such as an application`)
    .option("--text <search>", `${lead} found by this search: words, and qualifiers such as repo:acme/shop`)
    .option("--since <time>", `${lead} that came since: ${TIME_EXAMPLES}`)
    .option("--until <time>", `${lead} that came before: ${TIME_EXAMPLES}`);
}

/** How to search, for the end of a command's help. */
export function searchHelp(): string {
  const width = Math.max(...QUALIFIERS.map(({ example }) => example.length));
  const lines = QUALIFIERS.map(({ example, meaning }) => `  ${example.padEnd(width)}  only runs ${meaning}`);
  return ["", 'A search consists of words, "two words" in quotes, and qualifiers:', ...lines].join("\n");
}

/** Whether any of the options is given. */
export function isFilter(options: FilterOptions): boolean {
  return NAMES.some((name) => options[name] !== undefined);
}

/** Whether the options select particular runs. An empty search does not, and neither does `--until` alone. */
export function isNarrow({ text = "", ...options }: FilterOptions): boolean {
  const { until: _, status, ...found } = searched(text, Date.now());
  return isFilter({ ...options, until: undefined }) || Object.keys(found).length > 0;
}

/** Whether the options exclude old runs. */
export function isRecent({ since, text = "" }: FilterOptions): boolean {
  return since !== undefined || searched(text, Date.now()).since !== undefined;
}

/**
 * The query for the service. Times in the options are local; the query has UTC.
 * @param now epoch milliseconds.
 * @throws CommandError that says what is wrong.
 */
export function filterQuery({ workflow, group, text, since, until }: FilterOptions, now = Date.now()) {
  const bounds = {
    since: since === undefined ? undefined : timeIn("since", since, now),
    until: until === undefined ? undefined : timeIn("until", until, now),
  };
  if (bounds.since !== undefined && bounds.until !== undefined && bounds.since >= bounds.until)
    throw new CommandError("--since must be before --until.");
  return { workflow, group, text: text === undefined ? undefined : searchText(searched(text, now)), ...bounds };
}

/** Converts the local times of a search to UTC, for the service. */
export function inUtc(text: string, now = Date.now()): string {
  const { filter, problems } = parseSearch(text, now, zone());
  const hasTime = filter.since !== undefined || filter.until !== undefined;
  // The service reports the problems of an invalid search.
  return hasTime && problems.length === 0 ? searchText(filter) : text;
}

/**
 * The query for an action on many runs, whose status comes from the command.
 * @param how says which statuses the command uses.
 */
export function bulkQuery(options: FilterOptions, how: string) {
  const { text } = options;
  if (text !== undefined && searched(text, Date.now()).status !== undefined)
    throw new CommandError(`--text must not contain a status: ${how}.`);
  return filterQuery(options);
}

function searched(text: string, now: number): RunFilter {
  const { filter, problems } = parseSearch(text, now, zone());
  if (problems.length > 0) throw new CommandError(problems.join("\n"));
  return filter;
}

function timeIn(side: Side, text: string, now: number): string {
  const time = pastTime(text, { now, zone: zone(), side });
  if (time !== undefined) return new Date(time).toISOString();
  throw new CommandError(`--${side} takes ${TIME}, got ${JSON.stringify(text)}.`);
}

/** Time zone of this machine, or of the variable TZ. */
const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
