import { TransientFailure } from "../../model/failure.ts";
import { ownerAndName } from "../../model/github-names.ts";
import type { Ask } from "../ask.ts";
import { whatCame } from "../failures.ts";
import { showRun } from "./show.ts";

/**
 * Cancels a run. GitHub answers 409 when the run has ended. It gives the same answer for a re-run that is not queued
 * yet.
 * @see https://docs.github.com/en/rest/actions/workflow-runs#cancel-a-workflow-run
 */
export async function cancelRun(ask: Ask, repository: string, runId: number, force: boolean): Promise<void> {
  const tried = `cancelling the Actions run ${runId} of ${repository}`;
  const answer = await ask(
    { tried, repository, permission: "Actions: write" },
    `POST /repos/{owner}/{repo}/actions/runs/{run_id}/${force ? "force-cancel" : "cancel"}`,
    { ...ownerAndName(repository), run_id: runId },
    [202, 409],
  );
  if (answer.status === 202 || (await showRun(ask, repository, runId)).ended) return;
  throw new TransientFailure({
    tried,
    happened: whatCame(answer),
    remedy: "This is usually temporary: GitHub can cancel a run once it is queued.",
    sent: false,
  });
}
