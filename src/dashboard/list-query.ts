import type { RunFilter } from "../model/history.ts";
import { RUN_STATUSES, type RunStatus } from "../model/run.ts";
import { ALL_WORKFLOWS } from "../model/run-actions.ts";
import { MAX_SEARCH_CHARACTERS, parseSearch } from "../model/search.ts";
import { expectedTime, pastTime } from "../model/search-time.ts";

/**
 * The query of the list, as in the URL. Invalid values are left out. A choice beside the search field overrides the text in the
 * field: `all`, and `*` for workflows, remove a condition of the text.
 */
export type ListQuery = {
  readonly status?: RunStatus | "all" | undefined;
  readonly workflow?: string | undefined;
  /** A value of `since:`, such as `2h` or `13:00`. */
  readonly since?: string | undefined;
  /** A value of `until:`. */
  readonly until?: string | undefined;
  readonly text?: string | undefined;
  /** Cursor of the page. */
  readonly before?: string | undefined;
};

/** No name, hash or id that people search for is longer. */
export const MAX_TEXT_CHARACTERS = 100;

/** No valid time is longer. */
const MAX_TIME_CHARACTERS = 40;

/** @param query returns the value of a parameter, without tokens: the value goes into the page and its links. */
export function listQuery(query: (name: string) => string | undefined): ListQuery {
  const [status, before] = [query("status"), query("before")];
  const time = (name: "since" | "until") => query(name)?.trim().slice(0, MAX_TIME_CHARACTERS) || undefined;
  return {
    status: (["all", ...RUN_STATUSES] as const).find((each) => each === status),
    workflow: query("workflow")?.slice(0, MAX_TEXT_CHARACTERS) || undefined,
    since: time("since"),
    until: time("until"),
    // One character more than allowed: then the page reports that the text is too long.
    text:
      query("text")
        ?.trim()
        .slice(0, MAX_SEARCH_CHARACTERS + 1) || undefined,
    before: before !== undefined && /^\d{1,15}$/.test(before) ? before : undefined,
  };
}

/** The meaning of a query. */
export type Meant = {
  readonly filter: RunFilter;
  /** The words of the search. */
  readonly words: readonly string[];
  /** Problems of the text and of the choices beside it, one sentence each. With a problem, nothing is searched. */
  readonly problems: { readonly text: readonly string[]; readonly beside: readonly string[] };
};

export const isClear = ({ problems: { text, beside } }: Pick<Meant, "problems">): boolean =>
  text.length + beside.length === 0;

export function filterOf(
  query: ListQuery,
  { now, zone }: { readonly now: number /** The zone of times of day. */; readonly zone: string },
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

/** The path of the list with this query. */
export function listPath(query: ListQuery): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? "/" : `/?${new URLSearchParams(given)}`;
}
