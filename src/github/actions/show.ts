import { hasPassed, type ShownRun } from "../../model/actions-runs.ts";
import { PermanentFailure } from "../../model/failure.ts";
import type { FollowedJob, FollowedRun } from "../../model/github.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { type Answer, jsonOf } from "../answer.ts";
import type { Ask } from "../ask.ts";
import { type Listed, listIn, notUnderstood, whatCame } from "../failures.ts";

/** What is kept of the answer about a run, which has 10 to 20 KB. */
type KeptRun = {
  readonly status: string;
  readonly conclusion: string | undefined;
  readonly htmlUrl: string;
  readonly attempt: number;
  readonly createdAt: string;
  readonly startedAt: string;
  readonly updatedAt: string;
};

/** The current state of a run. Reads its jobs only when it has ended. */
export async function showRun(ask: Ask, repository: string, runId: number): Promise<ShownRun> {
  const attempted = {
    tried: `looking at the Actions run ${runId} of ${repository}`,
    repository,
    permission: "Actions: read",
  };
  const answer = await ask(
    attempted,
    "GET /repos/{owner}/{repo}/actions/runs/{run_id}",
    { ...ownerAndName(repository), run_id: runId, exclude_pull_requests: true },
    [200, 404],
    { rememberAs: JSON.stringify(["run", repository, runId]), reduce: keptRun },
  );
  if (answer.status === 404) {
    throw new PermanentFailure({
      tried: attempted.tried,
      happened: whatCame(answer),
      remedy: `It was deleted, or the token cannot see it: check the run, and give the token "Actions: read" on ${repository}.`,
    });
  }
  const run = jsonOf(answer) as KeptRun;
  const { status, htmlUrl, attempt } = run;
  if (status === "") throw notUnderstood(attempted);
  if (status !== "completed") return { status, htmlUrl, attempt };
  return { status, htmlUrl, attempt, ended: ended(runId, run, await jobsOf(ask, repository, runId)) };
}

function keptRun(answer: Answer): Uint8Array {
  const run = jsonOf(answer) as Readonly<Record<string, unknown>>;
  const createdAt = textIn(run.created_at) ?? "";
  const kept: KeptRun = {
    status: textIn(run.status) ?? "",
    conclusion: textIn(run.conclusion),
    htmlUrl: textIn(run.html_url) ?? "",
    attempt: typeof run.run_attempt === "number" ? run.run_attempt : 1,
    createdAt,
    startedAt: textIn(run.run_started_at) ?? createdAt,
    updatedAt: textIn(run.updated_at) ?? createdAt,
  };
  return new TextEncoder().encode(JSON.stringify(kept));
}

function ended(id: number, run: KeptRun, jobs: readonly FollowedJob[]): FollowedRun {
  const { conclusion = "unknown", htmlUrl, attempt, createdAt, startedAt, updatedAt } = run;
  // GitHub also updates a run after its end, for example when its logs are deleted.
  const ends = jobs.flatMap(({ endedAt }) => endedAt ?? []).sort();
  const endedAt = jobs.length > 0 && ends.length === jobs.length ? (ends.at(-1) ?? updatedAt) : updatedAt;
  return { id, htmlUrl, conclusion, attempt, createdAt, startedAt, endedAt, jobs: fewer(jobs) };
}

/**
 * The jobs of the latest attempt.
 * @see https://docs.github.com/en/rest/actions/workflow-jobs#list-jobs-for-a-workflow-run
 */
async function jobsOf(ask: Ask, repository: string, runId: number): Promise<readonly FollowedJob[]> {
  const attempted = {
    tried: `reading the jobs of the Actions run ${runId} of ${repository}`,
    repository,
    permission: "Actions: read",
  };
  const answer = await ask(
    attempted,
    "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs",
    { ...ownerAndName(repository), run_id: runId, filter: "latest", per_page: 100 },
    [200],
  );
  return listIn(attempted, answer, "jobs").map(jobIn);
}

function jobIn(job: Listed): FollowedJob {
  const [startedAt, endedAt] = [textIn(job.started_at), textIn(job.completed_at)];
  return {
    name: textIn(job.name) ?? "unnamed",
    conclusion: textIn(job.conclusion) ?? textIn(job.status) ?? "unknown",
    htmlUrl: textIn(job.html_url) ?? "",
    ...(startedAt !== undefined && { startedAt }),
    ...(endedAt !== undefined && { endedAt }),
  };
}

const MAX_JOBS = 50;

/** Keeps up to `MAX_JOBS` jobs in their order, and prefers those that did not pass. */
function fewer(jobs: readonly FollowedJob[]): readonly FollowedJob[] {
  if (jobs.length <= MAX_JOBS) return jobs;
  const rank = (job: FollowedJob) => (hasPassed(job) ? 1 : 0);
  const kept = new Set(jobs.toSorted((a, b) => rank(a) - rank(b)).slice(0, MAX_JOBS));
  return jobs.filter((job) => kept.has(job));
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
