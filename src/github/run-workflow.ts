import type { GitHub, StartedWorkflow } from "../model/github.ts";
import type { Answer } from "./answer.ts";
import { jsonOf } from "./answer.ts";
import type { Ask } from "./ask.ts";
import { ownerAndName } from "./files.ts";

/**
 * Starts a workflow. GitHub answers 200 with the run's link when it knows `return_run_details`, and 204 when it does
 * not look at it. A GitHub that rejects what it does not know is asked again without: Enterprise Server up to 3.20
 * answers 400 (`"return_run_details" is not a permitted key`) or 422.
 * @see https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event
 */
export async function runWorkflow(
  ask: Ask,
  repository: string,
  workflow: string,
  { ref, inputs = {} }: Parameters<GitHub["runWorkflow"]>[2],
): Promise<StartedWorkflow | undefined> {
  const attempted = {
    tried: `starting the workflow ${workflow} of ${repository} at ${ref}`,
    repository,
    permission: "Actions: write",
  };
  const route = "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches";
  const parameters = { ...ownerAndName(repository), workflow_id: workflow, ref, inputs };
  const answer = await ask(attempted, route, { ...parameters, return_run_details: true }, [200, 204, 400, 422]);
  if (answer.status === 400 || answer.status === 422) {
    await ask(attempted, route, parameters, [204]);
    return undefined;
  }
  return answer.status === 200 ? startedWorkflow(answer) : undefined;
}

/** It is started even if what GitHub says about its run cannot be read. */
function startedWorkflow(answer: Answer): StartedWorkflow | undefined {
  const { workflow_run_id: id, html_url: htmlUrl } = jsonOf(answer) as {
    workflow_run_id?: unknown;
    html_url?: unknown;
  };
  return typeof id === "number" && typeof htmlUrl === "string" ? { id, htmlUrl } : undefined;
}
