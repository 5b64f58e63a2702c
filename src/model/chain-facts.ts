import { isCommitHash, isRepositoryName } from "./github-names.ts";
import { isRunId, type RunDetail } from "./history.ts";
import type { Json, Step } from "./run.ts";

export const STAGES = ["received", "read", "dispatched", "created", "started", "ended", "reported"] as const;

export type Stage = {
  readonly name: (typeof STAGES)[number];
  /** Epoch milliseconds; undefined: not yet, or unknown. Some are by GitHub's clock. */
  readonly at: number | undefined;
  /** Since the latest known stage before it, ms. */
  readonly ms: number | undefined;
};

/** A run, as chains use it. */
export type ChainMember = Pick<RunDetail, "run" | "steps">;

export type Link = { readonly url: string | undefined };

type PullRequestLink = Link & {
  readonly number: number;
  readonly title: string | undefined;
  readonly state: string | undefined;
};

export type TestsJob = Link & {
  readonly name: string;
  readonly conclusion: string | undefined;
  /** Epoch milliseconds. */
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
};

/** What two runs contain about an environment and its tests. */
export type ChainFacts = {
  readonly application: string | undefined;
  readonly isFollowed: boolean;
  /** The values file that was read. */
  readonly values:
    | { readonly repository: string; readonly path: string; readonly commit: string | undefined }
    | undefined;
  /** The commit as the values file names it, and its full hash if known. */
  readonly commit: { readonly name: string; readonly sha: string | undefined } | undefined;
  /** The repository of the tests, `owner/name`. */
  readonly repository: string | undefined;
  readonly pullRequest: PullRequestLink | undefined;
  readonly actionsRun: (Link & { readonly id: number }) | undefined;
  readonly conclusion: string | undefined;
  readonly attempt: number | undefined;
  readonly jobs: readonly TestsJob[];
  readonly times: { readonly [Name in Stage["name"]]?: number | undefined };
};

/** GitHub's limit for a page is higher, but a followed run has up to 50. */
const MAX_JOBS = 50;

/** None of these values is guaranteed: they may be from another version, or from another workflow with that name. */
export function factsIn(environment: ChainMember | undefined, tests: ChainMember | undefined): ChainFacts {
  const input = tests?.run.input ?? null;
  const started = at(input, "tests");
  const outputs = environment?.run.outputs ?? null;
  const results = (tests?.steps ?? []).filter(({ result }) => isObject(result));
  const found = results.findLast(({ result }) => id(at(result, "runId")) !== undefined)?.result ?? started;
  const followed = results.findLast(({ result }) => isFollowedRun(result))?.result;
  const lookedUp = tests?.steps.findLast(({ name }) => name === "commit")?.result;
  const read = environment?.steps.findLast(({ name, result }) => name === "read" && isObject(result));
  const commit = text(at(input, "commit")) ?? text(at(outputs, "commitHash")) ?? text(at(read?.result, "commitHash"));
  return {
    application:
      text(at(input, "application")) ??
      text(at(environment?.run.input, "application")) ??
      text(at(outputs, "sourceName")),
    isFollowed: tests !== undefined,
    values: valuesIn(at(input, "values")),
    commit:
      commit === undefined ? undefined : { name: commit, sha: sha(at(input, "sha")) ?? sha(lookedUp) ?? sha(commit) },
    repository: repositoryName(at(input, "repository")) ?? repositoryName(at(started, "repository")),
    pullRequest: pullRequestIn(results.findLast(({ name }) => name === "pull request")?.result),
    actionsRun: actionsRunIn(followed, found),
    conclusion: text(at(followed, "conclusion")),
    attempt: id(at(followed, "attempt")),
    jobs: jobsIn(at(followed, "jobs")),
    times: {
      received: moment(at(input, "receivedAt")) ?? environment?.run.acceptedAt,
      ...dispatchTimes(environment, started, read),
      created: moment(at(followed, "createdAt")) ?? moment(at(found, "createdAt")),
      started: moment(at(followed, "startedAt")),
      ended: moment(at(followed, "endedAt")),
      reported: followed === undefined ? undefined : reportedAt(tests?.steps ?? []),
    },
  };
}

/** The ids that the dispatching run may have given to the following run. */
export function keysIn({ steps }: ChainMember): readonly string[] {
  return [...new Set(steps.flatMap(({ result }) => text(at(result, "key")) ?? []))];
}

/** The id of the dispatching run, as the following run received it. */
export function dispatchedByIn({ run }: ChainMember): string | undefined {
  const by = text(at(run.input, "dispatchedBy")) ?? /^run (.+)$/.exec(run.actor ?? "")?.[1];
  return by !== undefined && isRunId(by) ? by : undefined;
}

/** Whether a run follows an application's tests. Other runs of its workflow clean up. */
export function isFollower({ run }: ChainMember): boolean {
  return text(at(run.input, "application")) !== undefined;
}

/** The run ids in a reason. */
export function idsIn(reason: string | undefined): readonly string[] {
  return [...(reason ?? "").matchAll(RUN_ID)].map(([found]) => found);
}

const RUN_ID = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;

/** With a key, sending is a step, so the time before it is known. */
function dispatchTimes(environment: ChainMember | undefined, started: Json | undefined, read: Step | undefined) {
  const sent = environment?.steps.findLast(({ result, endedAt }) => {
    return endedAt !== undefined && text(at(result, "since")) !== undefined && text(at(result, "event")) !== undefined;
  });
  const key = sent && environment?.steps.findLast(({ name }) => name === `${sent.name}: key`);
  const end = environment?.run.status === "success" ? environment.run.endedAt : undefined;
  return {
    read: read?.endedAt ?? key?.startedAt ?? sent?.startedAt,
    dispatched: sent?.endedAt ?? moment(at(started, "since")) ?? end,
  };
}

function reportedAt(steps: readonly Step[]): number | undefined {
  const ends = steps.flatMap(({ name, endedAt, error }) =>
    /^result\b/.test(name) && error === undefined && endedAt !== undefined ? [endedAt] : [],
  );
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function isFollowedRun(value: Json | undefined): boolean {
  return text(at(value, "conclusion")) !== undefined && Array.isArray(at(value, "jobs"));
}

function actionsRunIn(followed: Json | undefined, found: Json | undefined): ChainFacts["actionsRun"] {
  const known = id(at(followed, "id")) ?? id(at(found, "runId"));
  if (known === undefined) return undefined;
  return { id: known, url: webUrl(at(followed, "htmlUrl")) ?? webUrl(at(found, "htmlUrl")) };
}

function pullRequestIn(value: Json | undefined): PullRequestLink | undefined {
  const number = id(at(value, "number"));
  if (number === undefined) return undefined;
  return { number, url: webUrl(at(value, "url")), title: text(at(value, "title")), state: text(at(value, "state")) };
}

function valuesIn(value: Json | undefined): ChainFacts["values"] {
  const repository = repositoryName(at(value, "repository"));
  const path = text(at(value, "path"));
  if (repository === undefined || path === undefined) return undefined;
  return { repository, path, commit: sha(at(value, "commit")) };
}

function jobsIn(value: Json | undefined): readonly TestsJob[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly Json[]).slice(0, MAX_JOBS).flatMap((job) => {
    const name = text(at(job, "name"));
    if (name === undefined) return [];
    const times = { startedAt: moment(at(job, "startedAt")), endedAt: moment(at(job, "endedAt")) };
    return [{ name, conclusion: text(at(job, "conclusion")), url: webUrl(at(job, "htmlUrl")), ...times }];
  });
}

/** An address that is safe for a link; undefined for any other. */
function webUrl(value: Json | undefined): string | undefined {
  const url = typeof value === "string" && value.length <= 2000 ? URL.parse(value) : null;
  return url && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "" ? url.href : undefined;
}

function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  return path.reduce<Json | undefined>(
    (inner, name) => (isObject(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined),
    value,
  );
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: Json | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function id(value: Json | undefined): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

function sha(value: Json | undefined): string | undefined {
  return typeof value === "string" && isCommitHash(value) ? value : undefined;
}

function repositoryName(value: Json | undefined): string | undefined {
  return isRepositoryName(value) ? value : undefined;
}

/** The epoch milliseconds of a time in JSON. */
function moment(value: Json | undefined): number | undefined {
  const ms = typeof value === "number" ? value : typeof value === "string" ? Date.parse(value) : Number.NaN;
  return ms > 0 && ms < 8.64e15 ? ms : undefined;
}
