/** A regular expression as text or as such; it must match the whole word. */
export type Pattern = string | RegExp;

export type TitleRules = {
  /** Without them: feat, fix, docs, style, refactor, perf, test, build, ci, chore, revert. */
  readonly types?: readonly Pattern[];
  /** Which scopes are allowed; all without it. */
  readonly scopes?: readonly Pattern[];
  readonly requireScope?: boolean;
  readonly disallowScopes?: readonly Pattern[];
  /** What the subject must match as a whole: `/^(?![A-Z]).+$/` for one that begins with a small letter. */
  readonly subjectPattern?: Pattern;
  /** What is said of a subject that does not match. `{subject}` and `{title}` stand for what they name. */
  readonly subjectPatternError?: string;
  /** How a title is taken apart, instead of `type(scope)!: subject`. */
  readonly headerPattern?: Pattern;
  /** What the groups of `headerPattern` are; `["type", "scope", "subject"]` without it. Groups with names need none. */
  readonly headerPatternCorrespondence?: readonly string[];
};

export type Title = { readonly type: string | null; readonly scope: string | null; readonly subject: string | null };

/** What is wrong with a title: one line, and what helps to correct it. */
export type TitleProblem = { readonly title: string; readonly summary: string };

/** @see https://github.com/commitizen/conventional-commit-types */
const TYPES: Readonly<Record<string, string>> = {
  feat: "a new feature",
  fix: "a bug fix",
  docs: "documentation only",
  style: "white space and formatting, without a change of meaning",
  refactor: "not a bug fix and not a feature",
  perf: "better performance",
  test: "new or corrected tests",
  build: "the build, or dependencies",
  ci: "the configuration of continuous integration",
  chore: "anything that does not change sources or tests",
  revert: "reverts an earlier commit",
};

/** What conventional-changelog-conventionalcommits reads. The one with the exclamation mark is tried first, always. */
const BREAKING = /^(\w*)(?:\((.*)\))?!: (.*)$/;
const HEADER = /^(\w*)(?:\((.*)\))?!?: (.*)$/;
const CORRESPONDENCE = ["type", "scope", "subject"];

/** Takes a title, or the first line of a commit's message, apart as conventional-commits-parser does. */
export function titleOf(text: string, { headerPattern = HEADER, headerPatternCorrespondence }: TitleRules): Title {
  const names = headerPatternCorrespondence ?? CORRESPONDENCE;
  const [header = ""] = text
    .replace(/^[\r\n]+/, "")
    .split(/\r?\n/)
    .filter((line) => !/^\s*gpg:/.test(line));
  const found = BREAKING.exec(header) ?? new RegExp(headerPattern).exec(header);
  const part = (name: string) => {
    const at = names.indexOf(name);
    const group = found?.groups ? found.groups[name] : at === -1 ? undefined : found?.[at + 1];
    return group || null;
  };
  return { type: part("type"), scope: part("scope"), subject: part("subject") };
}

/** The first thing that is wrong; undefined when all is well. */
export function problemOf(text: string, rules: TitleRules): TitleProblem | undefined {
  const { scopes, disallowScopes = [], requireScope = false, subjectPattern } = rules;
  const { type, scope, subject } = titleOf(text, rules);
  const quoted = `\`${text.replaceAll("`", "'")}\``;
  if (type === null) {
    const how = "Start it with a type, as [Conventional Commits](https://www.conventionalcommits.org/) describes";
    return { title: "The title has no type", summary: `${quoted} has no type. ${how}.\n\n${allTypes(rules)}` };
  }
  if (subject === null) return { title: "The title has no subject", summary: `${quoted} has nothing after its type.` };
  if (!(rules.types ?? Object.keys(TYPES)).some(whole(type))) {
    return { title: `Unknown type "${type}"`, summary: `${quoted} has the type "${type}".\n\n${allTypes(rules)}` };
  }
  const allowed = scopes ? ` Allowed: ${scopes.map(sourceOf).join(", ")}.` : "";
  if (requireScope && scope === null) {
    return { title: "The title has no scope", summary: `${quoted} has no scope.${allowed}` };
  }
  const given = scope?.split(",").map((each) => each.trim()) ?? [];
  const unknown = scopes ? given.filter((each) => !scopes.some(whole(each))) : [];
  if (unknown.length > 0) {
    const title = `Unknown ${unknown.length > 1 ? "scopes" : "scope"} "${unknown.join(", ")}"`;
    return { title, summary: `${title} in ${quoted}.${allowed}` };
  }
  const disallowed = given.filter((each) => disallowScopes.some(whole(each)));
  if (disallowed.length > 0) {
    const title = `Disallowed ${disallowed.length > 1 ? "scopes" : "scope"} "${disallowed.join(", ")}"`;
    return { title, summary: `${title} in ${quoted}.` };
  }
  if (subjectPattern === undefined || new RegExp(subjectPattern).exec(subject)?.[0] === subject) return undefined;
  const title = "The subject does not match its pattern";
  const { subjectPatternError: own } = rules;
  if (own === undefined)
    return { title, summary: `"${subject}" in ${quoted} does not match ${sourceOf(subjectPattern)} as a whole.` };
  const said = own.replace(/\{(subject|title)\}/g, (_, name) => (name === "title" ? text : subject)).trim();
  return { title: said.replace(/\s+/g, " "), summary: said };
}

const sourceOf = (pattern: Pattern) => (typeof pattern === "string" ? pattern : pattern.source);

/** Whether a pattern matches all of a word. */
function whole(word: string): (pattern: Pattern) => boolean {
  return (pattern) =>
    new RegExp(
      `^(?:${sourceOf(pattern)})$`,
      typeof pattern === "string" ? "" : pattern.flags.replace(/[gy]/g, ""),
    ).test(word);
}

function allTypes({ types }: TitleRules): string {
  const lines = types
    ? types.map((type) => `- ${sourceOf(type)}`)
    : Object.entries(TYPES).map(([type, meaning]) => `- ${type}: ${meaning}`);
  return `Types:\n\n${lines.join("\n")}`;
}
