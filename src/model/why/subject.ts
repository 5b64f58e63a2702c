import { isBeginningOfId, type RunFilter } from "../history.ts";
import { fold, type Search } from "../search.ts";
import type { KnownWorkflow } from "./facts.ts";

/** What a search is about, as far as its text shows. */
export type Subject = {
  readonly application?: string | undefined;
  /** `owner/name`. */
  readonly repository?: string | undefined;
  readonly pull?: number | undefined;
  readonly commit?: string | undefined;
  readonly workflow?: string | undefined;
  /** The beginning of a run's id. */
  readonly run?: string | undefined;
};

/** A single word counts as what it looks like. If it can be an application's name, it counts as one. */
export function subjectOf({ words, filter }: Search, { workflows }: { workflows: readonly KnownWorkflow[] }): Subject {
  const { group, repository, pull, commit, workflow } = filter;
  const given = { application: group, repository, pull, commit, workflow };
  const [word, ...more] = words;
  if (word === undefined || more.length > 0) return given;
  const named = workflows.find(({ name }) => name.toLowerCase() === word.toLowerCase());
  if (named) return { ...given, workflow: named.name };
  if (REPOSITORY.test(word)) return { ...given, repository: word };
  if (word.length >= 8 && /[-\d]/.test(word) && isBeginningOfId(word.toLowerCase())) return { ...given, run: word };
  if (COMMIT.test(word) && /\d/.test(word)) return { ...given, commit: word };
  return APPLICATION.test(word) ? { ...given, application: group ?? word } : given;
}

/**
 * A search for the subject alone. `without` names the conditions left out, such as `since`, which may hide what is
 * known about the subject.
 */
export function subjectAlone(search: Search, known: { workflows: readonly KnownWorkflow[] }) {
  const { application, repository, workflow } = subjectOf(search, known);
  const { words, group, status, since, until, ...others } = search.filter;
  const alone = (its: RunFilter): RunFilter =>
    Object.values(its).some((each) => each !== undefined) ? its : { words };
  let filter: RunFilter = { words, group, ...others };
  if (repository !== undefined) filter = alone({ repository: others.repository, pull: others.pull });
  else if (application !== undefined) filter = alone({ group });
  else if (workflow !== undefined) filter = alone({ workflow: others.workflow });
  filter = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
  const without = Object.keys(search.filter).filter((name) => !(name in filter));
  const named = (name: string) => (name === "words" ? (words ?? []).join(" ") : (NAMES[name] ?? name));
  return { filter, without: without.map(named) };
}

/** Qualifiers whose name differs from the filter's. */
const NAMES: Readonly<Record<string, string>> = { group: "app", repository: "repo" };

/**
 * The application that a single word certainly names: it begins with a workflow's prefix. A longer name is another
 * application: what happened to `pr-12` explains nothing about `pr-1`.
 */
export function namedApplication({ words, filter }: Search, workflows: readonly KnownWorkflow[]): string | undefined {
  const [word = "", ...more] = words;
  if (more.length > 0 || filter.group !== undefined || !APPLICATION.test(word)) return undefined;
  if (subjectOf({ words, filter, problems: [] }, { workflows }).application !== word) return undefined;
  return workflows.some(({ prefix = "" }) => prefix !== "" && fold(word).startsWith(fold(prefix))) ? word : undefined;
}

/** Whether one of these texts contains the name as a whole word. */
export function isNamedIn(texts: readonly (string | undefined)[], name: string): boolean {
  const part = `(?<![\\p{L}\\p{N}])${RegExp.escape(fold(name))}(?![\\p{L}\\p{N}])`;
  const isThere = new RegExp(part, "u");
  return texts.some((text) => text !== undefined && isThere.test(fold(text)));
}

const REPOSITORY = /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100}$/;
const COMMIT = /^[0-9a-f]{7,64}$/i;
const APPLICATION = /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,252}$/u;

/** Whether Kubernetes accepts the name, so that a shell command can contain it unquoted. */
export const isObjectName = (name: string): boolean => /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(name);

/** Whether a shell command can contain this repository's name unquoted. */
export const isRepository = (name: string): boolean => REPOSITORY.test(name) && !name.includes("..");
