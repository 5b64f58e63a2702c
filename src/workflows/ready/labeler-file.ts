import type * as Yaml from "js-yaml";

/** The contents of `.github/labeler.yml`. */
export type LabelerFile = {
  /** The rules of each label. All of them must match. */
  readonly labels: ReadonlyMap<string, readonly Match[]>;
  readonly changedFilesLabelsLimit: number | undefined;
  readonly maxFilesChanged: number | undefined;
  /** Entries without any meaning, each with its line. */
  readonly ignored: readonly string[];
};

/** One of the options must match, or all of them. */
export type Match = { readonly of: "any" | "all"; readonly options: Option[] };

export type Option = {
  readonly baseBranch?: readonly RegExp[];
  readonly headBranch?: readonly RegExp[];
  readonly changedFiles?: readonly FileRule[];
};

export type FileRule = { readonly how: How; readonly globs: readonly string[] };
type How = (typeof HOWS)[number];

const HOWS = [
  "any-glob-to-any-file",
  "any-glob-to-all-files",
  "all-globs-to-any-file",
  "all-globs-to-all-files",
] as const;
const BRANCHES = { "base-branch": "baseBranch", "head-branch": "headBranch" } as const;
const OPTIONS = ["changed-files", "base-branch", "head-branch"];
const LIMITS = ["changed-files-labels-limit", "max-files-changed"];

/** No hand-written file is that long. The time limit for reading bounds what aliases can repeat. */
const MAX_CHARACTERS = 100_000;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads the file as actions/labeler does since version 5.
 * @throws Error that names every problem with its line and what to write there.
 */
export function readLabelerFile(text: string, yaml: typeof Yaml): LabelerFile {
  if (text.length > MAX_CHARACTERS) throw new Error(`it has ${text.length} characters, more than ${MAX_CHARACTERS}`);
  const root = parsed(text, yaml);
  if (!isFields(root)) throw new Error('line 1: expected labels, such as "docs:" with "- changed-files:" below it');
  const lines = linesOf(text, yaml);
  const problems: string[] = [];
  const ignored: string[] = [];
  const at = (label: string, what: string) => `line ${lines.get(label) ?? 1}, ${label}: ${what}`;

  const limit = (name: string) => {
    if (root[name] === undefined) return undefined;
    const value = String(root[name]).trim();
    if (/^\d+$/.test(value)) return Number(value);
    problems.push(at(name, `must be a whole number from 0 on, and cannot be the name of a label`));
    return undefined;
  };
  const labels = new Map<string, readonly Match[]>();
  for (const [label, entries] of Object.entries(root)) {
    if (LIMITS.includes(label)) continue;
    const matches = matchesIn(entries, {
      problem: (what) => void problems.push(at(label, what)),
      ignore: (what) => void ignored.push(at(label, what)),
    });
    if (matches.length > 0) labels.set(label, matches);
  }
  const limits = {
    changedFilesLabelsLimit: limit("changed-files-labels-limit"),
    maxFilesChanged: limit("max-files-changed"),
  };
  if (problems.length > 0) throw new Error(first(problems).join("; "));
  return { labels, ...limits, ignored: first(ignored) };
}

/** Aliases can repeat a mistake many times. */
const MAX_SHOWN = 50;

function first(texts: readonly string[]): readonly string[] {
  const more = texts.length - MAX_SHOWN;
  return more > 0 ? [...texts.slice(0, MAX_SHOWN), `and ${more} more`] : texts;
}

/** A list or a mapping may stand for millions of values. */
function shown(value: unknown): string {
  return typeof value === "object" && value !== null ? `a ${Array.isArray(value) ? "list" : "mapping"}` : String(value);
}

type Tell = { readonly problem: (what: string) => void; readonly ignore: (what: string) => void };

/** The entries below a label. Options without `any` or `all` above them are added to the first `any`. */
function matchesIn(entries: unknown, tell: Tell): readonly Match[] {
  if (!Array.isArray(entries) || entries.some((entry) => typeof entry !== "object" || Array.isArray(entry))) {
    tell.problem(oldFormat(entries) ?? 'expected a list of rules, such as "- changed-files:"');
    return [];
  }
  const matches: Match[] = [];
  for (const [key, value] of entries.flatMap((entry: Fields | null) => Object.entries(entry ?? {}))) {
    if (key === "any" || key === "all") {
      if (Array.isArray(value)) matches.push({ of: key, options: value.map((each) => optionIn(each, key, tell)) });
      else tell.ignore(`${key} is not a list, so it never matches`);
    } else if (OPTIONS.includes(key)) {
      const first = matches.find(({ of }) => of === "any");
      const option = optionIn({ [key]: value }, undefined, tell);
      if (first) first.options.push(option);
      else matches.push({ of: "any", options: [option] });
    } else tell.ignore(`there is no rule ${key}: use one of any, all, ${OPTIONS.join(", ")}`);
  }
  return matches;
}

function optionIn(value: unknown, within: "any" | "all" | undefined, tell: Tell): Option {
  if (!isFields(value)) {
    const old = within && typeof value === "string";
    tell.problem(
      old
        ? fromVersion4(OF_VERSION_4[within], [value])
        : `expected rules below ${within}, such as "- head-branch: '^fix'"`,
    );
    return {};
  }
  for (const key of Object.keys(value)) {
    if (!OPTIONS.includes(key))
      tell.ignore(`there is no rule ${key} below ${within}: use one of ${OPTIONS.join(", ")}`);
  }
  return {
    ...branchesIn(value, "base-branch", tell),
    ...branchesIn(value, "head-branch", tell),
    ...filesIn(value["changed-files"], tell),
  };
}

function branchesIn(option: Fields, key: keyof typeof BRANCHES, tell: Tell): Option {
  const value = option[key];
  if (!value) return {};
  const patterns = [value].flat();
  const regexps = patterns.flatMap((pattern) => {
    if (typeof pattern !== "string") {
      tell.problem(`${key} must be a regular expression in quotes, or a list of them, not ${shown(pattern)}`);
      return [];
    }
    try {
      return [new RegExp(pattern)];
    } catch (error) {
      tell.problem(`${key}: ${(error as Error).message}`);
      return [];
    }
  });
  return { [BRANCHES[key]]: regexps };
}

function filesIn(value: unknown, tell: Tell): Option {
  if (!value || (Array.isArray(value) && value.length === 0)) return {};
  if (isFields(value)) {
    tell.ignore('changed-files is not a list, so it never matches: write "- " before each entry below it');
    return {};
  }
  const rules = [value].flat().flatMap((entry): readonly FileRule[] => {
    if (isFields(entry)) return Object.entries(entry).flatMap(([key, globs]) => ruleIn(key, globs, tell));
    const isGlob = typeof entry === "string";
    tell.problem(
      isGlob ? fromVersion4("any-glob-to-any-file", [entry]) : `expected one of ${HOWS.join(", ")} below changed-files`,
    );
    return [];
  });
  return { changedFiles: rules };
}

function ruleIn(key: string, value: unknown, tell: Tell): readonly FileRule[] {
  const how = HOWS.find((each) => each === key);
  const globs = [value].flat();
  if (how === undefined) tell.problem(`there is no ${key} below changed-files: use one of ${HOWS.join(", ")}`);
  else if (globs.every((glob) => typeof glob === "string")) return [{ how, globs }];
  else
    tell.problem(
      `${how} must be a path pattern in quotes, or a list of them, not ${shown(globs.find((glob) => typeof glob !== "string"))}`,
    );
  return [];
}

/** The keys of version 4, with their names since version 5. */
const OF_VERSION_4 = { any: "all-globs-to-any-file", all: "all-globs-to-all-files" } as const;

/** The format of actions/labeler before version 5: patterns directly below the label. */
function oldFormat(entries: unknown): string | undefined {
  const globs = [entries].flat().filter((entry) => typeof entry === "string");
  return globs.length === 0 ? undefined : fromVersion4("any-glob-to-any-file", globs);
}

function fromVersion4(how: How, all: readonly string[]): string {
  const globs = all.slice(0, MAX_SHOWN);
  return `this is the format of actions/labeler v4. Write "- changed-files: [{ ${how}: ${JSON.stringify(globs)} }]"`;
}

function parsed(text: string, yaml: typeof Yaml): unknown {
  try {
    return yaml.load(text);
  } catch (error) {
    if (!(error instanceof yaml.YAMLException)) throw error;
    const { mark, reason } = error;
    throw new Error(mark ? `line ${mark.line + 1}: it is not YAML: ${reason}` : `it is not YAML: ${reason}`, {
      cause: error,
    });
  }
}

/** The line of each key of the outermost mapping. */
function linesOf(text: string, yaml: typeof Yaml): ReadonlyMap<string, number> {
  const { DOCUMENT, MAPPING, SEQUENCE, SCALAR, POP } = yaml.EVENT_ID;
  const lines = new Map<string, number>();
  let [depth, line, read] = [0, 1, 0];
  let isKey = true;
  for (const event of yaml.parseEvents(text, {})) {
    if (event.type === POP) depth--;
    if (event.type === DOCUMENT || event.type === MAPPING || event.type === SEQUENCE) {
      depth++;
      continue;
    }
    if (depth !== MAPPING_DEPTH) continue;
    if (isKey && event.type === SCALAR) {
      line += text.slice(read, event.valueStart).split("\n").length - 1;
      read = event.valueStart;
      lines.set(text.slice(event.valueStart, event.valueEnd), line);
    }
    isKey = !isKey;
  }
  return lines;
}

/** Inside the document and its mapping. */
const MAPPING_DEPTH = 2;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
