/** A regular expression, as text or as an object. It must match the whole word. */
export type Pattern = string | RegExp;

export type TitleRules = {
  /** By default: feat, fix, docs, style, refactor, perf, test, build, ci, chore, revert. */
  readonly types?: readonly Pattern[];
  /** Which scopes are allowed. All by default. */
  readonly scopes?: readonly Pattern[];
  readonly requireScope?: boolean;
  readonly disallowScopes?: readonly Pattern[];
  /** Must match the whole subject: `/^(?![A-Z]).+$/` for a subject that begins with a small letter. */
  readonly subjectPattern?: Pattern;
  /** The message for a subject that does not match. `{subject}` and `{title}` are replaced. */
  readonly subjectPatternError?: string;
  /** The parts of a title, instead of `type(scope)!: subject`. */
  readonly headerPattern?: Pattern;
  /** What the groups of `headerPattern` mean. `["type", "scope", "subject"]` by default. Named groups need no entry. */
  readonly headerPatternCorrespondence?: readonly string[];
};

export type Title = { readonly type: string | null; readonly scope: string | null; readonly subject: string | null };

/** What is wrong with a title: one line, and help to correct it. */
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

/**
 * The patterns of conventional-changelog-conventionalcommits. The one with the exclamation mark is always tried first.
 */
const BREAKING = /^(\w*)(?:\((.*)\))?!: (.*)$/;
const HEADER = /^(\w*)(?:\((.*)\))?!?: (.*)$/;
const CORRESPONDENCE = ["type", "scope", "subject"];

/** Splits a title, or the first line of a commit message, as conventional-commits-parser does. */
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

/** The first problem. Undefined if there is none. */
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
  const { subjectPatternError: template } = rules;
  if (template === undefined)
    return { title, summary: `"${subject}" in ${quoted} does not match ${sourceOf(subjectPattern)} as a whole.` };
  const said = template.replace(/\{(subject|title)\}/g, (_, name) => (name === "title" ? text : subject)).trim();
  return { title: said.replace(/\s+/g, " "), summary: said };
}

const sourceOf = (pattern: Pattern) => (typeof pattern === "string" ? pattern : pattern.source);

/** Whether a pattern matches the whole word. */
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
