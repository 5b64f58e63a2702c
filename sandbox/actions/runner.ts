import { type ActionsRun, nextId } from "../records.ts";
import type { Repository } from "../repository.ts";
import { concurrencyGroups, type Group } from "./groups.ts";
import { fillerFor, usualTitle } from "./naming.ts";
import { readWorkflowFile } from "./workflow-file.ts";

/** The course of one attempt of a run. Milliseconds by the stand-in's clock. */
export type RunPlan = {
  /** GitHub has accepted the event, but no run ever appears. */
  readonly never?: boolean;
  /** From the event until the run appears. 0 by default. For a re-run: until its attempt appears. */
  readonly appearsAfterMs?: number;
  /** From then until lists contain it, because GitHub's lists may lag. 0 by default. */
  readonly listedAfterMs?: number;
  /** From its appearance until it is in progress. 0 by default. */
  readonly startsAfterMs?: number;
  /** From then until its end. By default it stays in progress until it is ended or cancelled. */
  readonly takesMs?: number;
  /** GitHub's word. `success` by default. */
  readonly conclusion?: string;
  /** By default the jobs of the workflow file, each with the run's conclusion. */
  readonly jobs?: readonly { readonly name: string; readonly conclusion?: string }[];
  /** From a cancel until the run ends. 0 by default. Infinity: only a forced cancel ends it. */
  readonly cancelTakesMs?: number;
};

/** What a script can base its decision on. */
type PlannedRun = Pick<ActionsRun, "id" | "path" | "event" | "title" | "branch" | "inputs" | "attempt"> & {
  /** `owner/name` */
  readonly repository: string;
  /** For a `repository_dispatch`: its `client_payload`. */
  readonly payload: Payload;
};

type RunScript = (run: PlannedRun) => RunPlan | undefined;

/** What has started a run. */
export type StartingEvent = Pick<ActionsRun, "event" | "branch" | "actor"> & {
  readonly inputs?: Readonly<Record<string, unknown>>;
  /** For a `repository_dispatch`. */
  readonly type?: string;
  readonly payload?: Payload;
};

export type StandInActions = {
  /**
   * Decides the course of runs that start from now on. It is called once for each attempt of each run. If it returns
   * undefined, the run stays queued. Runs without a script do too, except under `gh-runner dev`.
   */
  script(script: RunScript): void;
  /** Starts a run of a workflow file, as a push, a schedule or a person does. Returns its id. */
  start(repository: Repository, path: string, event?: Partial<StartingEvent>): number;
  /** Ends a run and its jobs now. */
  end(repository: Repository, id: number, conclusion: string): void;
  /** A person re-runs a run that has ended. The script decides the course of its next attempt. */
  rerun(repository: Repository, id: number, by?: string): void;
  /** Asks a run to end. False if it has ended. */
  cancel(repository: Repository, id: number, options?: { readonly force?: boolean; readonly by?: string }): boolean;
  /** When something happens next, epoch milliseconds. */
  next(): number | undefined;
};

/** Called with a change of a run or of one of its jobs, and its time. */
export type RunChanged = (repository: Repository, run: ActionsRun, change: RunChange, at: number) => void;
type RunChange =
  | { readonly event: "workflow_run"; readonly action: "requested" | "in_progress" | "completed" }
  | { readonly event: "workflow_job"; readonly action: "queued" | "in_progress" | "completed"; readonly job: number };

/** GitHub drops events above this limit: https://docs.github.com/en/actions/reference/limits */
const MAX_STARTS = 500;
const STARTS_WITHIN_MS = 10_000;

type Payload = Readonly<Record<string, unknown>>;

/** The course of a run, and its concurrency group. */
type Course = { plan: RunPlan; readonly payload: Payload; readonly group: Group | undefined };

/**
 * Runs of GitHub Actions that follow a script. Nothing happens automatically: `advance` carries out what is due by the
 * clock, in order.
 * @param endsRuns runs without a script succeed immediately.
 */
export function actionsRunner({
  now,
  endsRuns,
  changed,
  planned,
}: {
  now: () => number;
  endsRuns: boolean;
  changed: RunChanged;
  /** Called when something is planned. */
  planned: () => void;
}) {
  let script: RunScript = () => (endsRuns ? { takesMs: 0 } : undefined);
  const due: { readonly at: number; readonly happen: (at: number) => void }[] = [];
  const courses = new WeakMap<ActionsRun, Course>();
  const groups = concurrencyGroups();
  const starts = new Map<Repository, number[]>();
  const numbers = new Map<string, number>();

  function later(at: number, happen: (at: number) => void): void {
    if (!Number.isFinite(at)) return;
    let place = due.length;
    while (place > 0 && (due[place - 1]?.at ?? 0) > at) place--;
    due.splice(place, 0, { at, happen });
    planned();
  }

  function advance(): void {
    for (let next = due[0]; next && next.at <= now(); next = due[0]) {
      due.shift();
      next.happen(next.at);
    }
  }

  /** False if GitHub would drop the event now. */
  function hasRoom(repository: Repository): boolean {
    const recent = starts.get(repository) ?? [];
    while ((recent[0] ?? Number.POSITIVE_INFINITY) <= now() - STARTS_WITHIN_MS) recent.shift();
    const fits = recent.length < MAX_STARTS;
    if (fits) recent.push(now());
    starts.set(repository, recent);
    return fits;
  }

  function start(repository: Repository, path: string, given: Partial<StartingEvent> = {}): number {
    const id = nextId();
    if (!hasRoom(repository)) return id;
    const event = { event: "workflow_dispatch", branch: repository.defaultBranch, actor: "octocat", ...given };
    const { inputs = {}, payload = {}, branch } = event;
    const file = readWorkflowFile(repository.file(path, branch)?.bytes.toString() ?? "");
    const sha = repository.commitOf(branch) ?? "0".repeat(40);
    const fill = fillerFor(repository, file, { ...event, sha });
    const title = fill(file.runName)?.trim() || usualTitle(file, path, event);
    const group = file.concurrency && {
      name: `${repository.id} ${fill(file.concurrency.group)}`,
      cancelInProgress: file.concurrency.cancelInProgress,
    };
    const facts = { id, path, event: event.event, title, branch, inputs };
    const plan = script({ ...facts, attempt: 1, repository: repository.fullName, payload }) ?? STAYS_QUEUED;
    if (plan.never) return id;
    later(now() + (plan.appearsAfterMs ?? 0), (at) => {
      const number = 1 + (numbers.get(`${repository.id} ${path}`) ?? 0);
      numbers.set(`${repository.id} ${path}`, number);
      const times = { createdAt: at, listedAt: at + (plan.listedAfterMs ?? 0) };
      const run = repository.addRun({ ...facts, number, sha, actor: event.actor, ...times });
      courses.set(run, { plan, payload, group });
      begin(repository, run, at);
    });
    advance();
    return id;
  }

  /** Begins an attempt, or lets it wait for its group, and plans its end. */
  function begin(repository: Repository, run: ActionsRun, at: number): void {
    const { attempt } = run;
    const { plan = STAYS_QUEUED, group } = courses.get(run) ?? {};
    // A re-run has no such event: https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#workflow_run
    if (attempt === 1) changed(repository, run, { event: "workflow_run", action: "requested" }, at);
    const { obsolete, mayGo } = group
      ? groups.enter(group, run, (then) => go(repository, run, then, plan))
      : { obsolete: [], mayGo: true };
    for (const older of obsolete) endSoon(repository, older, at, false);
    if (mayGo) go(repository, run, at, plan);
    else run.status = "pending";
  }

  function go(repository: Repository, run: ActionsRun, at: number, plan: RunPlan): void {
    const { attempt } = run;
    run.status = "queued";
    const file = readWorkflowFile(repository.file(run.path, run.branch)?.bytes.toString() ?? "");
    const jobs = plan.jobs ?? (file.jobs.length > 0 ? file.jobs : ["test"]).map((name) => ({ name }));
    for (const { name } of jobs) {
      const job = { id: nextId(), name, attempt, createdAt: at, status: "queued", conclusion: null } as const;
      run.jobs.push({ ...job, startedAt: undefined, endedAt: undefined });
      changed(repository, run, { event: "workflow_job", action: "queued", job: job.id }, at);
    }
    const isOpen = () => run.attempt === attempt && run.status !== "completed";
    const { startsAfterMs = 0, takesMs = Number.POSITIVE_INFINITY, conclusion = "success" } = plan;
    later(at + startsAfterMs, (startedAt) => {
      if (!isOpen() || NEVER_IN_PROGRESS.includes(conclusion)) return;
      Object.assign(run, { status: "in_progress", updatedAt: startedAt });
      changed(repository, run, { event: "workflow_run", action: "in_progress" }, startedAt);
      for (const job of jobsNow(run)) {
        Object.assign(job, { status: "in_progress", startedAt });
        changed(repository, run, { event: "workflow_job", action: "in_progress", job: job.id }, startedAt);
      }
    });
    later(at + startsAfterMs + takesMs, (endedAt) => {
      if (isOpen()) finish(repository, run, conclusion, endedAt, plan.jobs);
    });
  }

  function finish(
    repository: Repository,
    run: ActionsRun,
    conclusion: string,
    at: number,
    jobs: RunPlan["jobs"] = [],
  ): void {
    for (const [place, job] of jobsNow(run).entries()) {
      if (job.status === "completed") continue;
      const planned = jobs[place]?.conclusion ?? conclusion;
      Object.assign(job, { status: "completed", conclusion: planned, startedAt: job.startedAt ?? at, endedAt: at });
      changed(repository, run, { event: "workflow_job", action: "completed", job: job.id }, at);
    }
    Object.assign(run, { status: "completed", conclusion, updatedAt: at });
    changed(repository, run, { event: "workflow_run", action: "completed" }, at);
    groups.leave(courses.get(run)?.group, run)?.(at);
  }

  function endSoon(repository: Repository, run: ActionsRun, at: number, force: boolean): void {
    const { attempt } = run;
    const takesMs = force ? 0 : (courses.get(run)?.plan.cancelTakesMs ?? 0);
    later(at + takesMs, (endedAt) => {
      if (run.attempt === attempt && run.status !== "completed") finish(repository, run, "cancelled", endedAt);
    });
  }

  function runOf(repository: Repository, id: number): ActionsRun {
    advance();
    const run = repository.runs.get(id);
    if (!run) throw new Error(`${repository.fullName} has no run ${id}`);
    return run;
  }

  const actions: StandInActions = {
    script: (next) => {
      script = next;
    },
    start,
    end: (repository, id, conclusion) => finish(repository, runOf(repository, id), conclusion, now()),
    rerun(repository, id, by = "octocat") {
      const run = runOf(repository, id);
      const { payload = {}, group } = courses.get(run) ?? {};
      const plan =
        script({ ...run, attempt: run.attempt + 1, repository: repository.fullName, payload }) ?? STAYS_QUEUED;
      later(now() + (plan.appearsAfterMs ?? 0), (at) => {
        const next = { attempt: run.attempt + 1, status: "queued", conclusion: null } as const;
        Object.assign(run, { ...next, startedAt: at, updatedAt: at, triggeredBy: by });
        courses.set(run, { plan, payload, group });
        begin(repository, run, at);
      });
      advance();
    },
    cancel(repository, id, { force = false, by = "octocat" } = {}) {
      const run = runOf(repository, id);
      if (run.status === "completed") return false;
      run.cancels.push({ at: now(), force, by });
      endSoon(repository, run, now(), force);
      advance();
      return true;
    },
    next: () => due[0]?.at,
  };
  return { ...actions, advance };
}

const STAYS_QUEUED: RunPlan = { startsAfterMs: Number.POSITIVE_INFINITY };

/** Conclusions of runs without any job. */
const NEVER_IN_PROGRESS = ["skipped", "startup_failure", "action_required"];

/** The jobs of the latest attempt. */
const jobsNow = ({ jobs, attempt }: ActionsRun) => jobs.filter((job) => job.attempt === attempt);
