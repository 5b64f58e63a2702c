import type { RunFilter } from "./history.ts";
import { nearestName } from "./nearest-name.ts";
import { RUN_STATUSES, type RunStatus, TRIGGERS, type Trigger } from "./run.ts";
import { expectedTime, pastTime, type Side } from "./search-time.ts";

/** A person's search: one text for the page, the API and the command line. */
export type Search = {
  /** All words must match, each anywhere in a run's data, in any case. */
  readonly words: readonly string[];
  /** The words and the qualifiers. */
  readonly filter: RunFilter;
  /** What is wrong with the search, one sentence each. A search with a problem is not run. */
  readonly problems: readonly string[];
};

type Field = Exclude<keyof RunFilter, "id" | "words" | "workflows">;

export type Qualifier = {
  readonly name: Exclude<Field, "repository"> | "repo";
  /** Other names of the qualifier. */
  readonly also: readonly string[];
  readonly example: string;
  /** A clause that follows "Only runs". */
  readonly meaning: string;
};

/** The names that may stand before a colon, in the order of their explanation. */
export const QUALIFIERS: readonly Qualifier[] = [
  { name: "workflow", also: [], example: "workflow:deploy", meaning: "of this workflow" },
  { name: "status", also: ["is"], example: "status:failure", meaning: `in this status: ${RUN_STATUSES.join(", ")}` },
  {
    name: "group",
    also: ["app", "application"],
    example: "app:pr-1234",
    meaning: "of this application, or of this concurrency group",
  },
  {
    name: "repo",
    also: ["repository"],
    example: "repo:acme/shop",
    meaning: "whose event came from this repository; the owner may be left out",
  },
  {
    name: "event",
    also: [],
    example: "event:pull_request.opened",
    meaning: "of this event; the action may be left out",
  },
  { name: "pull", also: ["pr"], example: "pull:7", meaning: "of this pull request; also #7, or acme/shop#7" },
  { name: "commit", also: ["sha"], example: "commit:1a2b3c4", meaning: "of the commit whose hash begins with this" },
  {
    name: "by",
    also: ["actor"],
    example: "by:alice",
    meaning: "that this person or token started, re-ran or cancelled, or whose event this account sent",
  },
  { name: "trigger", also: [], example: "trigger:schedule", meaning: `with this trigger: ${TRIGGERS.join(", ")}` },
  {
    name: "since",
    also: [],
    example: "since:2h",
    meaning:
      "from this time on: a length of time ago, a time of day (13:00), a day (2026-11-29) or both (2026-11-29T13:00Z)",
  },
  { name: "until", also: [], example: "until:2026-11-29", meaning: "before this time, or up to the end of this day" },
];

/** Longer texts are not a search. */
export const MAX_SEARCH_CHARACTERS = 1000;

/** How many words a search may have. */
const MAX_WORDS = 20;

/**
 * Parses a search: words, `"two words"`, and qualifiers such as `status:failure` (`QUALIFIERS`). To find a text that
 * looks like a qualifier, put it in quotes.
 * @param now epoch milliseconds.
 * @param zone the zone of days and times of day, such as `Europe/Berlin`.
 */
export function parseSearch(text: string, now: number, zone = "UTC"): Search {
  if (text.length > MAX_SEARCH_CHARACTERS) {
    const problem = `The search is ${text.length} characters long: give at most ${MAX_SEARCH_CHARACTERS}.`;
    return { words: [], filter: {}, problems: [problem] };
  }
  const words: string[] = [];
  const problems: string[] = [];
  const values: { -readonly [Name in Exclude<keyof RunFilter, "words" | "workflows">]?: RunFilter[Name] } = {};
  for (const { name, value, isQuoted } of partsOf(text)) {
    if (name === undefined) {
      const [, repository, pull] = (isQuoted ? undefined : PULL.exec(value)) ?? [];
      if (pull !== undefined) {
        take("pull", "pull", Number(pull));
        if (repository !== undefined) take("repo", "repository", repository);
      } else if (value !== "" && !words.includes(value)) words.push(value);
      continue;
    }
    const qualifier = qualifierOf(name);
    if (qualifier === undefined) problems.push(unknownQualifier(name, value));
    else {
      const { field, read, expects } = FIELDS[qualifier.name];
      const meant = read(value, now, zone);
      if (meant !== undefined) take(qualifier.name, field, meant);
      else problems.push(`${name}:${value}: ${expects(value)}`);
    }
  }
  const { since, until } = values;
  if (since !== undefined && until !== undefined && since >= until) problems.push("since must be before until.");
  if (words.length > MAX_WORDS) problems.push(`These are ${words.length} words: give at most ${MAX_WORDS}.`);
  return { words, filter: { ...values, ...(words.length > 0 && { words }) }, problems: fewOf(problems) };

  function take(name: string, field: Field, value: string | number): void {
    if (values[field] !== undefined && values[field] !== value) problems.push(`${name}: is given twice. Give one.`);
    else Object.assign(values, { [field]: value });
  }
}

/** People do not read more than this. */
const MAX_PROBLEMS = 5;

function fewOf(problems: readonly string[]): readonly string[] {
  const different = [...new Set(problems)];
  const more = different.length - MAX_PROBLEMS;
  return more > 0 ? [...different.slice(0, MAX_PROBLEMS), `There are ${more} more problems.`] : different;
}

/** The form in which letters are compared: in any case. */
export function fold(text: string): string {
  // A sigma at the end of a word is a different letter, which a part of the word does not have.
  return text.toLowerCase().replaceAll("ς", "σ");
}

/** The text of a filter, as a person would write it. Its times are in UTC. */
export function searchText({ id, words = [], ...filter }: RunFilter): string {
  const qualified = QUALIFIERS.flatMap(({ name }) => {
    const { field } = FIELDS[name];
    const value = filter[field];
    if (value === undefined) return [];
    const text = field === "since" || field === "until" ? new Date(value as number).toISOString() : String(value);
    return [`${name}:${quoted(text, false)}`];
  });
  return [...qualified, ...[...(id === undefined ? [] : [id]), ...words].map((word) => quoted(word, true))].join(" ");
}

function quoted(text: string, isWord: boolean): string {
  const isPlain =
    text !== "" &&
    !/[\s"]/.test(text) &&
    !(isWord && (QUALIFIED.test(text) || text.startsWith("#") || PULL.test(text)));
  return isPlain ? text : `"${text.replaceAll('"', " ")}"`;
}

/** `#7`, or `acme/shop#7` as GitHub writes it. */
const PULL = /^([\w.-]+\/[\w.-]+)?#(\d{1,9})$/;

type Part = { readonly name?: string; readonly value: string; readonly isQuoted: boolean };

/** `name:`, with a minus before it if a person wants to exclude something, and a value that is not an address. */
const QUALIFIED = /^(-?[a-z]+):(?=[^\s/])/i;
const QUOTED = /^"([^"]*)"?/;

function partsOf(text: string): readonly Part[] {
  const parts: Part[] = [];
  let rest = text.trim();
  while (rest !== "") {
    const [begin = "", name] = QUALIFIED.exec(rest) ?? [];
    const from = rest.slice(begin.length);
    const [whole, inner] = QUOTED.exec(from) ?? /^[^\s"]+/.exec(from) ?? [from.charAt(0)];
    const value = (inner ?? whole).trim();
    parts.push({ ...(name !== undefined && { name: name.toLowerCase() }), value, isQuoted: inner !== undefined });
    rest = from.slice(whole.length).trim();
  }
  return parts;
}

function qualifierOf(name: string): Qualifier | undefined {
  return QUALIFIERS.find((each) => each.name === name || each.also.includes(name));
}

function unknownQualifier(name: string, value: string): string {
  const text = `${name}:${value}`;
  if (name.startsWith("-")) return `${text}: a search cannot exclude anything. To look for this text, write "${text}".`;
  const near = nearestName(
    name,
    QUALIFIERS.flatMap((each) => [each.name, ...each.also]),
  );
  const meant =
    near === undefined ? `use ${listed(QUALIFIERS.map((each) => each.name))}` : `did you mean ${near}:${value}?`;
  return `${text}: ${meant}${near === undefined ? "." : ""} To look for this text, write "${text}".`;
}

const listed = (names: readonly string[]) => `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;

type Reading = {
  readonly field: Field;
  /** The meaning of a value; undefined if it is not valid. */
  readonly read: (value: string, now: number, zone: string) => string | number | undefined;
  /** The message if it is not valid. */
  readonly expects: (value: string) => string;
};

const FIELDS: Readonly<Record<Qualifier["name"], Reading>> = {
  workflow: text("workflow", "the name of a workflow", /^/),
  status: oneOf<RunStatus>("status", RUN_STATUSES),
  group: text("group", "the name of an application or a group", /^/),
  repo: text("repository", "owner/name or name", /^[\w.-]+(?:\/[\w.-]+)?$/),
  event: text("event", "an event such as pull_request or pull_request.opened", /^[a-z_]+(?:\.[a-z_]+)?$/i),
  pull: {
    field: "pull",
    read: (value) => (/^#?[1-9]\d{0,8}$/.test(value) ? Number(value.replace("#", "")) : undefined),
    expects: () => "expected the number of a pull request.",
  },
  commit: text("commit", "the hash of a commit, or at least 4 characters of its beginning", /^[0-9a-f]{4,64}$/i),
  by: text("by", "who it was", /^/),
  trigger: oneOf<Trigger>("trigger", TRIGGERS),
  since: time("since"),
  until: time("until"),
};

function text(field: Field, what: string, isOne: RegExp): Reading {
  return {
    field,
    read: (value) => (value !== "" && isOne.test(value) ? value : undefined),
    expects: () => `expected ${what}.`,
  };
}

function oneOf<Name extends string>(field: Field, names: readonly Name[]): Reading {
  return {
    field,
    read: (value) => names.find((name) => name === value.toLowerCase()),
    expects(value) {
      const near = nearestName(value, names);
      return near === undefined ? `expected ${listed(names)}.` : `did you mean ${field}:${near}?`;
    },
  };
}

function time(field: Side): Reading {
  return {
    field,
    read: (value, now, zone) => pastTime(value, { now, zone, side: field }),
    expects: () => expectedTime,
  };
}
