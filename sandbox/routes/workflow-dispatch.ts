import type { Repository } from "../repository.ts";
import { type Call, failure, type Reply, type World } from "./reply.ts";

/** GitHub's bound: https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event */
const MAX_INPUTS = 25;

let lastRun = 30_433_642;

/** Starts a workflow that is a file of the repository and listens to `workflow_dispatch`. */
export function startWorkflow(
  repository: Repository,
  call: Call,
  { base }: World,
  [name = ""]: readonly string[],
): Reply {
  const {
    ref,
    inputs = {},
    return_run_details: details = false,
  } = JSON.parse(call.body) as {
    ref?: string;
    inputs?: Record<string, unknown>;
    return_run_details?: boolean;
  };
  if (typeof ref !== "string") return failure(422, `Invalid request.\n\n"ref" wasn't supplied.`);
  if (!repository.hasRef(ref)) return failure(422, `No ref found for: ${ref}`);
  const file = repository.file(`.github/workflows/${name}`, ref);
  if (!file) return failure(404, "Not Found");
  if (!file.bytes.includes("workflow_dispatch")) {
    return failure(422, "Workflow does not have 'workflow_dispatch' trigger");
  }
  if (Object.keys(inputs).length > MAX_INPUTS) return failure(422, `Invalid request.\n\nAt most ${MAX_INPUTS} inputs.`);
  // An Enterprise Server does not know how to tell of the run.
  if (!details || base.endsWith("/api/v3")) return { status: 204 };
  const id = ++lastRun;
  return {
    status: 200,
    json: {
      workflow_run_id: id,
      run_url: `${base}/repos/${repository.fullName}/actions/runs/${id}`,
      html_url: `https://github.com/${repository.fullName}/actions/runs/${id}`,
    },
  };
}
