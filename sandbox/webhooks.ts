import type { RunChanged } from "./actions/runner.ts";
import type { Pull } from "./records.ts";
import type { Repository } from "./repository.ts";
import { workflowJson } from "./routes/actions.ts";
import { pullDetail } from "./routes/pulls.ts";
import { userJson, type World } from "./routes/reply.ts";
import { repositoryJson } from "./routes/repositories.ts";
import { jobJson, runJson } from "./routes/runs.ts";

/**
 * Emits what happened to a run or a job of it as GitHub does.
 * @see https://docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_run
 */
export function emitRun(world: World): RunChanged {
  return (repository, run, change, at) => {
    const job = "job" in change ? run.jobs.find(({ id }) => id === change.job) : undefined;
    const text = repository.file(run.path, run.branch)?.bytes.toString() ?? "";
    world.emit(
      repository,
      change.event,
      () => ({
        action: change.action,
        ...(job
          ? { workflow_job: jobJson(repository, world, run, job) }
          : {
              workflow_run: runJson(repository, world, run),
              workflow: workflowJson(repository, world, { path: run.path, text }),
            }),
        ...common(repository, world, run.triggeredBy),
      }),
      at,
    );
  };
}

/** Emits what happened to a pull request: `opened`, `synchronize`, `closed`, … */
export function emitPull(world: World, repository: Repository, pull: Pull, action: string): void {
  world.emit(repository, "pull_request", () => ({
    action,
    number: pull.number,
    pull_request: pullDetail(repository, world, pull),
    ...(action === "synchronize" ? { before: "0".repeat(40), after: pull.head.sha } : {}),
    ...common(repository, world, pull.author),
  }));
}

/** What every payload about a repository has. */
export function common(repository: Repository, world: World, sender = "octocat") {
  return { repository: repositoryJson(repository, world.base), sender: userJson(sender) };
}
