import { at, eventFacts } from "./event-facts.ts";

/** What GitHub shows about the files that an event changed. JSON, so that it can be stored. */
export type ChangedFiles = {
  /** Paths from the repository's root, including deleted files. For a renamed file, the new path. */
  readonly files: readonly string[];
  /** The previous paths of renamed files. */
  readonly earlier: readonly string[];
  /** False: GitHub does not show all files, or none. */
  readonly isWhole: boolean;
};

/** Where to read the files that an event changed. */
export type Change =
  /** The payload lists all of them. */
  | { readonly known: readonly string[] }
  | { readonly pull: number }
  /** Between two commits. `isForced`: the older one may not be an ancestor of the newer one. */
  | { readonly base: string; readonly head: string; readonly isForced?: boolean }
  /** Between a commit's parent and another commit. */
  | { readonly parentOf: string; readonly head: string };

type Delivery = { readonly name: string; readonly payload: unknown };

/**
 * Where to read an event's changed files, as Actions does for its path filters. Undefined if the event has none.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#git-diff-comparisons
 */
export function changeIn({ name, payload }: Delivery): Change | undefined {
  if (name === "push") return changeInPush(payload);
  if (name === "merge_group") {
    const [base, head] = ["base_sha", "head_sha"].map((field) => at(payload, "merge_group", field));
    return typeof base === "string" && typeof head === "string" ? { base, head } : undefined;
  }
  const { pull } = eventFacts({ name, payload });
  return pull === undefined ? undefined : { pull };
}

function changeInPush(payload: unknown): Change | undefined {
  const [before, after] = [at(payload, "before"), at(payload, "after")];
  if (typeof before !== "string" || typeof after !== "string") return undefined;
  if (at(payload, "deleted") === true) return { known: [] };
  const isNew = at(payload, "created") === true;
  if (at(payload, "forced") === true && !isNew) return { base: before, head: after, isForced: true };
  const commits = commitsIn(payload);
  const known = commits.length <= 1 ? touchedByPush({ name: "push", payload }) : undefined;
  if (known) return { known };
  if (!isNew) return { base: before, head: after };
  const deepest = at(commits[0] ?? at(payload, "head_commit"), "id");
  return { parentOf: typeof deepest === "string" ? deepest : after, head: after };
}

/** GitHub lists up to 2,048 commits of a push. Actions ignores path filters if a push has more than this many. */
export const MAX_COMMITS = 1000;

/**
 * The most files that a GitHub comparison shows. GitHub does not document whether a payload can have more for one
 * commit.
 */
export const MAX_COMPARED_FILES = 300;

/** Checking more would delay others. The run then asks GitHub, which shows 300. */
const MAX_TOUCHED_CHARACTERS = 100_000;

/**
 * Every path that the commits of a push touched, from its payload: changed files, and files that were changed back.
 * Undefined if the payload may be incomplete. Needs no request, so it can rule out paths immediately.
 */
export function touchedByPush({ name, payload }: Delivery): readonly string[] | undefined {
  if (name !== "push") return undefined;
  if (at(payload, "deleted") === true) return [];
  const isNew = at(payload, "created") === true;
  if (at(payload, "forced") === true && !isNew) return undefined;
  const listed = commitsIn(payload);
  const head = at(payload, "head_commit");
  // For a new branch without new commits, its newest commit counts.
  const commits = listed.length === 0 && isNew && head ? [head] : listed;
  const isListed =
    commits.length > 0 && commits.length < MAX_COMMITS && at(commits.at(-1), "id") === at(payload, "after");
  if (!isListed) return undefined;
  const touched = commits.map(touchedBy);
  // A commit without files may be a merge.
  if (touched.some((paths) => paths.length === 0 || paths.length >= MAX_COMPARED_FILES)) return undefined;
  const all = [...new Set(touched.flat())];
  return all.join("").length > MAX_TOUCHED_CHARACTERS ? undefined : all;
}

function commitsIn(payload: unknown): readonly unknown[] {
  const commits = at(payload, "commits");
  return Array.isArray(commits) ? commits : [];
}

function touchedBy(commit: unknown): readonly string[] {
  return ["added", "removed", "modified"].flatMap((field) => {
    const paths = at(commit, field);
    return Array.isArray(paths) ? paths.filter((path) => typeof path === "string") : [];
  });
}

/** A file in GitHub's comparisons. */
export type ComparedFile = {
  readonly filename: string;
  readonly sha?: string | null;
  readonly status?: string;
  readonly previous_filename?: string | undefined;
};

/**
 * The paths that differ between two commits, each compared with their common ancestor.
 * @param gone the changes of one commit; `come`: the changes of the other.
 */
export function differing(gone: readonly ComparedFile[], come: readonly ComparedFile[]): readonly string[] {
  const before = new Map(gone.flatMap(contentsIn));
  const after = new Map(come.flatMap(contentsIn));
  return [...new Set([...before.keys(), ...after.keys()])].filter((path) => before.get(path) !== after.get(path));
}

/** The paths that a file had or has, each with its content there; no content if it is deleted. */
function contentsIn({ filename, sha, status, previous_filename }: ComparedFile): [path: string, content: string][] {
  const its: [string, string] = [filename, status === "removed" ? "" : (sha ?? "")];
  return status === "renamed" && previous_filename !== undefined ? [[previous_filename, ""], its] : [its];
}
