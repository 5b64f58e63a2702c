import { isFailure } from "../model/failure.ts";
import type { Outcome } from "../model/run.ts";
import { type Context, skipReason, type Workflow } from "../model/workflow.ts";

/** Carries one event through a workflow. Never throws: whatever the workflow throws becomes an outcome. */
export async function execute<Body>(workflow: Workflow<Body>, context: Context<Body>): Promise<Outcome> {
  try {
    const result = await workflow.run(context);
    const reason = skipReason(result);
    if (reason !== undefined) return { status: "skipped", reason };
    return { status: "success", outputs: result as Exclude<typeof result, { [key: symbol]: string }> };
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): Outcome {
  if (isFailure(error)) {
    const { message: reason, kind, http } = error;
    return { status: "failure", reason, http, kind, ...(error.kind === "limit" && { notBefore: error.notBefore }) };
  }
  const thrown = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { status: "failure", reason: `The workflow threw ${thrown}`, http: 500, kind: "permanent" };
}
