import type { FileRule, LabelerFile, Match, Option } from "./labeler-file.ts";

/** What the rules examine in a pull request. */
export type LabeledPull = {
  readonly files: readonly string[];
  readonly base: string;
  readonly head: string;
  /** Its present labels. */
  readonly labels: readonly string[];
};

export type Changes = {
  readonly add: readonly string[];
  readonly remove: readonly string[];
  /** Labels beyond GitHub's maximum. */
  readonly excess: readonly string[];
  /** Why labels for paths stay unchanged, in words. */
  readonly held: string | undefined;
};

/** Whether a path matches a pattern. */
export type Glob = (pattern: string) => { readonly match: (name: string) => boolean };

/** GitHub's maximum for an issue. */
const MAX_LABELS = 100;

/**
 * Which labels to add and remove.
 * @param matches whether all rules of a label match.
 */
export function changesOf(
  { labels, maxFilesChanged, changedFilesLabelsLimit }: LabelerFile,
  pull: LabeledPull,
  { syncLabels, matches }: { readonly syncLabels: boolean; readonly matches: (label: string) => boolean },
): Changes {
  const isTooLarge = maxFilesChanged !== undefined && pull.files.length > maxFilesChanged;
  // GitHub ignores the case of labels.
  const has = new Map(pull.labels.map((label) => [label.toLowerCase(), label]));
  const byPaths = [...labels.keys()].filter((label) => looksAtPaths(labels.get(label)));
  const judged = [...labels.keys()].filter((label) => !(isTooLarge && byPaths.includes(label)));
  const wanted = judged.filter(matches);
  const remove = syncLabels
    ? judged
        .filter((label) => !wanted.some((other) => other.toLowerCase() === label.toLowerCase()))
        .flatMap((label) => has.get(label.toLowerCase()) ?? [])
    : [];
  const missing = wanted.filter((label) => !has.has(label.toLowerCase()));
  const missingByPaths = missing.filter((label) => byPaths.includes(label));
  const areTooMany = changedFilesLabelsLimit !== undefined && missingByPaths.length > changedFilesLabelsLimit;
  const added = areTooMany ? missing.filter((label) => !byPaths.includes(label)) : missing;
  const room = Math.max(0, MAX_LABELS - (has.size - remove.length));
  const held = isTooLarge
    ? `${pull.files.length} changed files are more than max-files-changed (${maxFilesChanged})`
    : areTooMany
      ? `${missingByPaths.length} new labels are more than changed-files-labels-limit (${changedFilesLabelsLimit}): ${missingByPaths.join(", ")}`
      : undefined;
  return { add: added.slice(0, room), remove, excess: added.slice(room), held };
}

/** Whether a label has any rule for paths. */
function looksAtPaths(matches: readonly Match[] = []): boolean {
  return matches.some(({ options }) => options.some(({ changedFiles = [] }) => changedFiles.length > 0));
}

/** The path patterns below a label, each once. */
export function globsOf(matches: readonly Match[]): readonly string[] {
  const options = matches.flatMap((match) => match.options);
  return [...new Set(options.flatMap(({ changedFiles = [] }) => changedFiles.flatMap(({ globs }) => globs)))];
}

/** Whether everything below a label matches. */
export function allMatch(matches: readonly Match[], pull: LabeledPull, glob: Glob): boolean {
  return matches.every(({ of, options }) =>
    of === "any"
      ? options.some((option) => anyOf(option, pull, glob))
      : options.some((option) => Object.keys(option).length > 0) &&
        options.every((option) => allOf(option, pull, glob)),
  );
}

function anyOf(
  { baseBranch = [], headBranch = [], changedFiles = [] }: Option,
  pull: LabeledPull,
  glob: Glob,
): boolean {
  return (
    baseBranch.some((pattern) => pattern.test(pull.base)) ||
    changedFiles.some((rule) => ruleMatches(rule, pull.files, glob)) ||
    headBranch.some((pattern) => pattern.test(pull.head))
  );
}

function allOf({ baseBranch = [], headBranch = [], changedFiles }: Option, pull: LabeledPull, glob: Glob): boolean {
  return (
    baseBranch.every((pattern) => pattern.test(pull.base)) &&
    headBranch.every((pattern) => pattern.test(pull.head)) &&
    (changedFiles === undefined || pull.files.length > 0) &&
    (changedFiles ?? []).every((rule) => ruleMatches(rule, pull.files, glob))
  );
}

function ruleMatches({ how, globs }: FileRule, files: readonly string[], glob: Glob): boolean {
  const patterns = globs.map(glob);
  switch (how) {
    case "any-glob-to-any-file":
      return patterns.some((pattern) => files.some((file) => pattern.match(file)));
    case "any-glob-to-all-files":
      return patterns.some((pattern) => files.every((file) => pattern.match(file)));
    case "all-globs-to-any-file":
      return files.some((file) => patterns.every((pattern) => pattern.match(file)));
    case "all-globs-to-all-files":
      return files.every((file) => patterns.every((pattern) => pattern.match(file)));
  }
}
