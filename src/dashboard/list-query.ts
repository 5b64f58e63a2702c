import type { RunFilter } from "../model/history.ts";
import { RUN_STATUSES, type RunStatus } from "../model/run.ts";
import { ALL_WORKFLOWS } from "../model/run-actions.ts";
import { MAX_SEARCH_CHARACTERS, parseSearch } from "../model/search.ts";
import { expectedTime, pastTime } from "../model/search-time.ts";

/**
 * What the list is asked for, as it stands in the URL. What cannot be meant is left out. What is chosen beside the field counts
 * more than what is written in it: `all`, and `*` for workflows, take back what its text says.
 */
export type ListQuery = {
  readonly status?: RunStatus | "all" | undefined;
  readonly workflow?: string | undefined;
  /** As `since:` takes it: `2h`, `13:00`. */
  readonly since?: string | undefined;
  /** The same of `until:`. */
  readonly until?: string | undefined;
  readonly text?: string | undefined;
  /** Cursor of the page. */
  readonly before?: string | undefined;
};

/** No name, hash or id that is worth looking for is longer. */
export const MAX_TEXT_CHARACTERS = 100;

/** No time is longer. */
const MAX_TIME_CHARACTERS = 40;

/** @param query gives what stands under a name, without tokens: it goes into the page and its links. */
export function listQuery(query: (name: string) => string | undefined): ListQuery {
  const [status, before] = [query("status"), query("before")];
  const time = (name: "since" | "until") => query(name)?.trim().slice(0, MAX_TIME_CHARACTERS) || undefined;
  return {
    status: (["all", ...RUN_STATUSES] as const).find((each) => each === status),
    workflow: query("workflow")?.slice(0, MAX_TEXT_CHARACTERS) || undefined,
    since: time("since"),
    until: time("until"),
    // A longer one is a problem that the page names.
    text:
      query("text")
        ?.trim()
        .slice(0, MAX_SEARCH_CHARACTERS + 1) || undefined,
    before: before !== undefined && /^\d{1,15}$/.test(before) ? before : undefined,
  };
}

/** What a query means. */
export type Meant = {
  readonly filter: RunFilter;
  /** What is looked for. */
  readonly words: readonly string[];
  /** What cannot be meant, a sentence each: in the text, and beside it. Nothing is looked for then. */
  readonly problems: { readonly text: readonly string[]; readonly beside: readonly string[] };
};

export const isClear = ({ problems: { text, beside } }: Pick<Meant, "problems">): boolean =>
  text.length + beside.length === 0;

export function filterOf(
  query: ListQuery,
  { now, zone }: { readonly now: number /** In which times of day are meant. */; readonly zone: string },
): Meant {
  const { status, workflow, text = "" } = query;
  const { filter, words, problems } = parseSearch(text, now, zone);
  const times = (["since", "until"] as const).flatMap((side) => {
    const given = query[side];
    if (given === undefined) return [];
    return { side, given, at: given === "all" ? undefined : pastTime(given, { now, zone, side }) };
  });
  return {
    filter: {
      ...filter,
      ...(status !== undefined && { status: status === "all" ? undefined : status }),
      ...(workflow !== undefined && { workflow: workflow === ALL_WORKFLOWS ? undefined : workflow }),
      ...Object.fromEntries(times.map(({ side, at }) => [side, at])),
    },
    words,
    problems: {
      text: problems,
      beside: times
        .filter(({ given, at }) => given !== "all" && at === undefined)
        .map(({ given }) => `${given}: ${expectedTime}`),
    },
  };
}

/** The path that asks for it. */
export function listPath(query: ListQuery): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? "/" : `/?${new URLSearchParams(given)}`;
}
