import type { ActionsJob, ActionsRun } from "../records.ts";
import type { Repository } from "../repository.ts";
import { idOf, workflowJson } from "./actions.ts";
import {
  type Call,
  failure,
  loginOf,
  notFound,
  pageOf,
  type Reply,
  type RepositoryHandler,
  timeOf,
  userJson,
  type World,
} from "./reply.ts";
import { repositoryJson } from "./repositories.ts";

/** A filtered list ends here: https://docs.github.com/en/rest/actions/workflow-runs */
const MAX_FILTERED = 1000;

type Filter = (run: ActionsRun, value: string) => boolean;

const FILTERS: Readonly<Record<string, Filter>> = {
  actor: (run, login) => run.actor === login,
  branch: (run, branch) => run.branch === branch,
  event: (run, event) => run.event === event,
  head_sha: (run, sha) => run.sha === sha,
  /** GitHub also accepts conclusions here. */
  status: (run, status) => run.status === status || run.conclusion === status,
  created: (run, range) => isWithin(timeOf(run.createdAt), range),
};

/** @see https://docs.github.com/en/search-github/getting-started-with-searching-on-github/understanding-the-search-syntax */
export function isWithin(time: string, range: string): boolean {
  // A date without a time is a whole day.
  const at = (text: string, ofDay: string) => Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T${ofDay}Z` : text);
  const [FIRST, LAST] = ["00:00:00", "23:59:59"];
  const moment = Date.parse(time);
  const [, sign, bound = ""] = /^(>=|<=|>|<)(.+)$/.exec(range) ?? [];
  if (sign === ">=") return moment >= at(bound, FIRST);
  if (sign === ">") return moment > at(bound, LAST);
  if (sign === "<=") return moment <= at(bound, LAST);
  if (sign === "<") return moment < at(bound, FIRST);
  const [from = "", to = from] = range.split("..");
  return (from === "*" || moment >= at(from, FIRST)) && (to === "*" || moment <= at(to, LAST));
}

/** Newest first. */
export const listRuns: RepositoryHandler = (repository, call, world) => listed(repository, call, world, () => true);

export const listRunsOfWorkflow: RepositoryHandler = (repository, call, world, [name = ""]) =>
  listed(repository, call, world, ({ path }) => path.endsWith(`/${name}`) || String(idOf(path)) === name);

function listed(repository: Repository, call: Call, world: World, isMeant: (run: ActionsRun) => boolean): Reply {
  const filters = Object.entries(FILTERS).flatMap(([name, holds]) => {
    const value = call.query.get(name);
    return value === null ? [] : [(run: ActionsRun) => holds(run, value)];
  });
  const found = [...repository.runs.values()]
    .filter((run) => (run.listedAt ?? 0) <= world.now() && isMeant(run) && filters.every((holds) => holds(run)))
    .sort((a, b) => b.createdAt - a.createdAt || b.id - a.id);
  const { items, headers } = pageOf(filters.length > 0 ? found.slice(0, MAX_FILTERED) : found, call, world);
  const workflow_runs = items.map((run) => runJson(repository, world, run));
  return { status: 200, headers, json: { total_count: found.length, workflow_runs } };
}

/** Finds the run with the id in the first parameter. */
function withRun(
  then: (repository: Repository, run: ActionsRun, call: Call, world: World, more: readonly string[]) => Reply,
): RepositoryHandler {
  return (repository, call, world, [id, ...more]) => {
    const run = repository.runs.get(Number(id));
    return run ? then(repository, run, call, world, more) : notFound;
  };
}

export const showRun = withRun((repository, run, _call, world) => ({
  status: 200,
  json: runJson(repository, world, run),
}));

/** The present run, also for an earlier attempt: only the jobs of earlier attempts are kept. */
export const showAttempt = withRun((repository, run, _call, world, [attempt]) => {
  const wanted = Number(attempt);
  if (!(wanted >= 1 && wanted <= run.attempt)) return notFound;
  return { status: 200, json: runJson(repository, world, { ...run, attempt: wanted }) };
});

/** The jobs of the latest attempt, or of all. */
export const listJobs = withRun((repository, run, call, world) => {
  const isAll = call.query.get("filter") === "all";
  const jobs = run.jobs.filter(({ attempt }) => isAll || attempt === run.attempt);
  const { items, headers } = pageOf(jobs, call, world);
  const json = { total_count: jobs.length, jobs: items.map((job) => jobJson(repository, world, run, job)) };
  return { status: 200, headers, json };
});

const cancelRun = (force: boolean) =>
  withRun((repository, run, call, world) =>
    world.actions.cancel(repository, run.id, { force, by: loginOf(call, world) })
      ? { status: 202, json: {} }
      : failure(409, "Cannot cancel a workflow run that is completed."),
  );

export const cancel = cancelRun(false);

export const forceCancel = cancelRun(true);

export const rerun = withRun((repository, run, call, world) => {
  if (run.status !== "completed") return failure(403, "This workflow is already running");
  world.actions.rerun(repository, run.id, loginOf(call, world));
  return { status: 201, json: {} };
});

export function runJson(repository: Repository, world: World, run: ActionsRun) {
  const { fullName } = repository;
  const text = repository.file(run.path, run.branch)?.bytes.toString() ?? "";
  const { id: workflow_id, name, url: workflow_url } = workflowJson(repository, world, { path: run.path, text });
  const url = `${world.base}/repos/${fullName}/actions/runs/${run.id}`;
  const author = { name: "Octo Cat", email: "octocat@github.com" };
  const suite = 10_000_000_000 + run.id;
  const urls = ["jobs", "logs", "artifacts", "cancel", "rerun"].map((each) => [`${each}_url`, `${url}/${each}`]);
  return {
    id: run.id,
    name,
    node_id: `WFR_${run.id}`,
    check_suite_id: suite,
    check_suite_node_id: `CS_${suite}`,
    ...{ head_branch: run.branch, head_sha: run.sha, path: run.path, display_title: run.title },
    ...{ run_number: run.number, run_attempt: run.attempt, event: run.event },
    ...{ status: run.status, conclusion: run.conclusion, workflow_id, workflow_url, url },
    html_url: `https://github.com/${fullName}/actions/runs/${run.id}`,
    pull_requests: [],
    created_at: timeOf(run.createdAt),
    updated_at: timeOf(run.updatedAt),
    run_started_at: timeOf(run.startedAt),
    previous_attempt_url: run.attempt > 1 ? `${url}/attempts/${run.attempt - 1}` : null,
    actor: userJson(run.actor),
    triggering_actor: userJson(run.triggeredBy),
    ...Object.fromEntries(urls),
    check_suite_url: `${world.base}/repos/${fullName}/check-suites/${suite}`,
    head_commit: {
      ...{ id: run.sha, tree_id: run.sha, message: "A commit", author, committer: author },
      timestamp: timeOf(run.createdAt),
    },
    repository: repositoryJson(repository, world.base),
    head_repository: repositoryJson(repository, world.base),
    referenced_workflows: [],
  };
}

export function jobJson(repository: Repository, world: World, run: ActionsRun, job: ActionsJob) {
  const repo = `${world.base}/repos/${repository.fullName}`;
  const text = repository.file(run.path, run.branch)?.bytes.toString() ?? "";
  const hasRunner = job.status !== "queued";
  return {
    id: job.id,
    run_id: run.id,
    run_url: `${repo}/actions/runs/${run.id}`,
    run_attempt: job.attempt,
    node_id: `CR_${job.id}`,
    head_branch: run.branch,
    head_sha: run.sha,
    url: `${repo}/actions/jobs/${job.id}`,
    html_url: `https://github.com/${repository.fullName}/actions/runs/${run.id}/job/${job.id}`,
    status: job.status,
    conclusion: job.conclusion,
    created_at: timeOf(job.createdAt),
    started_at: timeOf(job.startedAt ?? job.createdAt),
    completed_at: job.endedAt === undefined ? null : timeOf(job.endedAt),
    name: job.name,
    steps: [],
    check_run_url: `${repo}/check-runs/${job.id}`,
    labels: ["ubuntu-latest"],
    ...{ runner_id: hasRunner ? 1 : null, runner_name: hasRunner ? "GitHub Actions 1" : null },
    ...{ runner_group_id: hasRunner ? 0 : null, runner_group_name: hasRunner ? "GitHub Actions" : null },
    workflow_name: workflowJson(repository, world, { path: run.path, text }).name,
  };
}
