import { isNegative, patternProblem } from "../../model/filter-patterns.ts";
import { FILTERS } from "../../model/github-trigger.ts";
import { shown } from "../../model/problems.ts";
import { NO_WEBHOOKS } from "../../model/webhooks.ts";

/** An entry of `github` whose fields have the right types. */
type Entry = { readonly events: string | readonly string[] } & {
  readonly [Field in Filter | Ignored]?: string | readonly string[] | undefined;
};
type Filter = keyof typeof FILTERS;
type Ignored = `${Exclude<Filter, "labels">}Ignore`;

type Problem = { readonly path: readonly string[]; readonly message: string };

/** What is wrong with the events and filters of an entry of `github`, apart from the types of its fields. */
export function filterProblems(entry: Entry): readonly Problem[] {
  const events = [entry.events].flat();
  return [
    ...events.flatMap((event) =>
      event in NO_WEBHOOKS
        ? [at("events", `${event} is not a webhook: ${NO_WEBHOOKS[event as keyof typeof NO_WEBHOOKS]}`)]
        : [],
    ),
    ...(Object.keys(FILTERS) as Filter[]).flatMap((filter) => problemsOf(filter, entry, events)),
  ];
}

function problemsOf(filter: Filter, entry: Entry, events: readonly string[]): readonly Problem[] {
  const ignored = filter === "labels" ? undefined : (`${filter}Ignore` as const);
  const used = [filter, ...(ignored ? [ignored] : [])].filter((field) => entry[field] !== undefined);
  const [first] = used;
  if (first === undefined) return [];
  const { events: known, words } = FILTERS[filter];
  const without = events.filter((event) => !(event in NO_WEBHOOKS) && !(known as readonly string[]).includes(event));
  return [
    ...(without.length > 0 ? [at(first, `cannot be used with ${without.join(", ")}: ${words}`)] : []),
    ...(used.length > 1 && ignored
      ? [at(ignored, `cannot be used with ${filter}: write exclusions as "!…" in ${filter}`)]
      : []),
    ...(filter === "labels"
      ? []
      : used.flatMap((field) => patternProblems(field, filter, [entry[field] ?? []].flat()))),
  ];
}

function patternProblems(field: string, filter: Filter, patterns: readonly string[]): readonly Problem[] {
  const wrong = patterns.flatMap((pattern) => {
    const problem = patternProblem(pattern) ?? neverMatches(filter, pattern);
    return problem === undefined ? [] : [at(field, `${shown(pattern)} ${problem}`)];
  });
  if (wrong.length > 0 || !patterns.every(isNegative)) return wrong;
  const instead = field === filter ? `, or exclude names with ${filter}Ignore` : "";
  return [
    at(field, `expected a pattern without "!" before ${shown(patterns[0])}: write what to include first${instead}`),
  ];
}

/** Beginnings that no path or name on GitHub has. */
const NEVER: Readonly<Record<string, RegExp>> = {
  paths: /^(\.?\/)+/,
  branches: /^refs\/heads\//,
  tags: /^refs\/tags\//,
};

function neverMatches(filter: Filter, pattern: string): string | undefined {
  const bare = pattern.replace(/^!/, "");
  const begins = NEVER[filter]?.exec(bare)?.[0];
  if (begins === undefined) return undefined;
  return `never matches, because no name begins with ${begins}: write ${shown(bare.slice(begins.length))}`;
}

const at = (field: string, message: string): Problem => ({ path: [field], message });
