import type { RunChanged } from "./actions/runner.ts";
import type { Repository } from "./repository.ts";
import { workflowJson } from "./routes/actions.ts";
import { pullDetail } from "./routes/pulls.ts";
import { userJson, type World } from "./routes/reply.ts";
import { repositoryJson } from "./routes/repositories.ts";
import { jobJson, runJson } from "./routes/runs.ts";

/**
 * Emits a change of a run or its job as GitHub does.
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

/** Closes or merges a pull request, and emits the event. */
export function closePull(world: World, repository: Repository, number: number, merged: boolean): void {
  const pull = repository.pulls.get(number);
  if (!pull) throw new Error(`${repository.fullName} has no pull request ${number}`);
  Object.assign(pull, { state: "closed", merged, closedAt: world.now(), updatedAt: world.now() });
  world.emit(repository, "pull_request", () => ({
    ...{ action: "closed", number, pull_request: pullDetail(repository, world, pull) },
    ...common(repository, world, pull.author),
  }));
}

/** The common fields of all payloads about a repository. */
export function common(repository: Repository, world: World, sender = "octocat") {
  return { repository: repositoryJson(repository, world.base), sender: userJson(sender) };
}
