import { setImmediate as breathe } from "node:timers/promises";
import {
  type Change,
  type ChangedFiles,
  type ComparedFile,
  changeIn,
  differing,
  MAX_COMMITS,
  MAX_COMPARED_FILES,
} from "../model/changed-files.ts";
import type { RunContext } from "../model/context.ts";
import { PermanentFailure } from "../model/failure.ts";
import type { FilterPatterns } from "../model/filter-patterns.ts";
import type { GitHub } from "../model/github.ts";
import { entriesWithPaths, type GitHubTrigger, hasWantedFile } from "../model/github-trigger.ts";
import { nextLink } from "../model/next-link.ts";
import { gitHubEntries } from "../model/triggers.ts";
import type { WebhookEvent } from "../model/webhooks.ts";
import { type Skip, skip, type Workflow } from "../model/workflow.ts";

type Parts = Pick<RunContext, "repo" | "step" | "log"> & { readonly github: Pick<GitHub, "request"> };

/** Reads the files that an event changed, once per run. */
export type ReadChangedFiles = () => Promise<ChangedFiles>;

/**
 * Returns a reader of the files that an event changed. Each page from GitHub is a step, so a run requests it once.
 * @param event undefined if no webhook started the run.
 */
export function changedFilesOf(event: WebhookEvent | undefined, parts: () => Parts): ReadChangedFiles {
  let read: Promise<ChangedFiles> | undefined;
  return () => (read ??= start());

  async function start(): Promise<ChangedFiles> {
    const change = event && changeIn(event);
    if (change) return reading(change, parts());
    throw new PermanentFailure({
      tried: "reading the changed files",
      happened: `${event ? `the event ${event.name}` : "the event of this run"} has no changed files`,
      remedy: "Call changedFiles only in runs of a push, a pull request or a merge group.",
    });
  }
}

/** Skips a run if its event changed no file that the workflow wants. */
export async function unwantedChange(
  { on }: Pick<Workflow, "on">,
  event: WebhookEvent,
  read: ReadChangedFiles,
): Promise<Skip | undefined> {
  const entries = entriesWithPaths(gitHubEntries(on), event);
  if (!entries) return undefined;
  const { files, earlier, isWhole } = await read();
  // A file that GitHub does not list may match. GitHub Actions also runs the workflow then.
  if (!isWhole || (await isWanted(entries, [...files, ...earlier]))) return undefined;
  const wanted = entries.map(({ paths, pathsIgnore }) =>
    paths === undefined ? `the paths other than ${listed(pathsIgnore)}` : `the paths ${listed(paths)}`,
  );
  if (files.length === 0) return skip(`no file was changed, and the workflow wants ${wanted.join(" and ")}`);
  return skip(`none of the changed files (${files.length}) matches ${wanted.join(" or ")}`);
}

/** Anyone can open a pull request with 3,000 very long paths. Checking them in parts lets other runs continue. */
const FILES_PER_PART = 50;

async function isWanted(entries: readonly GitHubTrigger[], files: readonly string[]): Promise<boolean> {
  for (let at = 0; at < files.length; at += FILES_PER_PART) {
    if (at > 0) await breathe();
    const some = files.slice(at, at + FILES_PER_PART);
    if (entries.some((entry) => hasWantedFile(entry, some))) return true;
  }
  return false;
}

/** Enough patterns to recognise the entry. */
const MAX_SHOWN = 10;

function listed(patterns: FilterPatterns = []): string {
  const all = [patterns].flat();
  const more = all.length > MAX_SHOWN ? ` and ${all.length - MAX_SHOWN} more` : "";
  return `${all.slice(0, MAX_SHOWN).join(", ")}${more}`;
}

async function reading(change: Change, parts: Parts): Promise<ChangedFiles> {
  if ("known" in change) return { files: change.known, earlier: [], isWhole: true };
  const { log, step } = parts;
  const read = "pull" in change ? await readPull(change.pull, parts) : await step(STEP, () => readPush(change, parts));
  if (!read.isWhole) log.warn("GitHub does not show all changed files", { shown: read.files.length });
  return read;
}

/** The name of the step. Later steps add a number. */
const STEP = "changed files";

/** GitHub lists the files of a pull request on at most this many pages. */
const MAX_PAGES = 30;

async function readPull(pull_number: number, { github, repo, step }: Parts): Promise<ChangedFiles> {
  const route = "GET /repos/{owner}/{repo}/pulls/{pull_number}/files";
  const files: string[] = [];
  const earlier: string[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const read = await step(page === 1 ? STEP : `${STEP} (${page})`, async () => {
      const { data, headers } = await github.request(route, { ...repo, pull_number, per_page: 100, page });
      return { ...namesIn(data), hasMore: nextLink(headers.link) !== undefined };
    });
    files.push(...read.files);
    earlier.push(...read.earlier);
    if (!read.hasMore) return { files, earlier, isWhole: true };
  }
  return { files, earlier, isWhole: false };
}

/** A limit for the paths of one comparison: 300 of the longest would exceed a step's size. */
const MAX_KEPT_CHARACTERS = 500_000;

const NOTHING: ChangedFiles = { files: [], earlier: [], isWhole: false };

type Commits = Exclude<Change, { readonly known: readonly string[] } | { readonly pull: number }>;

/** GitHub compares with the last common ancestor. A forced push needs both directions to find all changes. */
async function readPush(change: Commits, parts: Parts): Promise<ChangedFiles> {
  const base = "base" in change ? change.base : await parentOf(change.parentOf, parts);
  if (base === undefined) return NOTHING;
  const come = await compared(base, change.head, parts);
  if (!("isForced" in change) || !come) return come ? kept(come) : NOTHING;
  const gone = await compared(change.head, base, parts);
  if (!gone) return NOTHING;
  const files = differing(gone.files, come.files).map((filename) => ({ filename }));
  return kept({ files, isWhole: gone.isWhole && come.isWhole });
}

async function parentOf(commit: string, { github, repo }: Parts): Promise<string | undefined> {
  const route = "GET /repos/{owner}/{repo}/commits/{ref}";
  const { status, data } = await github.request(route, { ...repo, ref: commit, per_page: 1 }, { allow: [404, 422] });
  return status === 200 ? data.parents[0]?.sha : undefined;
}

type Compared = { readonly files: readonly ComparedFile[]; readonly isWhole: boolean };

/** Undefined if GitHub has no comparison: a commit is gone, there is no common ancestor, or it takes too long. */
async function compared(base: string, head: string, { github, repo }: Parts): Promise<Compared | undefined> {
  const route = "GET /repos/{owner}/{repo}/compare/{basehead}";
  const basehead = `${base}...${head}`;
  // The first page of the commits has all files. The commits are not needed.
  const { status, data } = await github.request(route, { ...repo, basehead, per_page: 1 }, { allow: [404, 422] });
  if (status !== 200) return undefined;
  const { files = [], total_commits: commits } = data;
  return { files, isWhole: files.length < MAX_COMPARED_FILES && commits <= MAX_COMMITS };
}

function kept({ files, isWhole }: Compared): ChangedFiles {
  let characters = 0;
  const fitting = files.filter(({ filename, previous_filename = "" }) => {
    characters += filename.length + previous_filename.length;
    return characters <= MAX_KEPT_CHARACTERS;
  });
  return { ...namesIn(fitting), isWhole: isWhole && fitting.length === files.length };
}

function namesIn(files: readonly ComparedFile[]): Pick<ChangedFiles, "files" | "earlier"> {
  return {
    files: files.map(({ filename }) => filename),
    // The original of a copied file still exists.
    earlier: files.flatMap(({ status, previous_filename }) => (status === "renamed" && previous_filename) || []),
  };
}
