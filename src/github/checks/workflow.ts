import { type Check, ok, problem } from "../../model/check.ts";
import { isFailure } from "../../model/failure.ts";
import { listensTo, type WorkflowFile, workflowFiles, workflowStates } from "../actions/workflow-files.ts";
import type { Inspection } from "../open-github.ts";
import { type Checked, found } from "./checked.ts";

/** The permission that the target's other requests are made with, so that an App needs no further token. */
const PERMISSION = "Contents: write";

/**
 * Whether a workflow on the target's default branch, the only one that counts, listens to our event. GitHub takes events
 * that nobody listens to, and says nothing.
 */
export function checkWorkflow(
  { github, eventType }: Checked,
  repository: string,
  { fullName, defaultBranch }: { readonly fullName: string; readonly defaultBranch: string },
): Promise<readonly Check[]> {
  const name = "workflow";
  return found(name, async () => {
    const files = await workflowFiles(github.ask, repository, PERMISSION);
    const listening = files.filter((file) => listensTo(file, eventType));
    const [first] = listening;
    if (!first) {
      const others = files.flatMap(otherwise).join("; ");
      const remedy = `Add to a workflow there: on: { repository_dispatch: { types: [${eventType}] } }, or set EVENT_TYPE to what is listened to.`;
      const nothing = `no workflow on ${defaultBranch} of ${fullName} listens to ${eventType}`;
      return [problem(name, others ? `${nothing}: ${others}` : nothing, remedy)];
    }
    const states = await statesOf(github, repository);
    const active = listening.filter(({ path }) => (states?.get(path) ?? "active") === "active");
    const listens = (which: readonly WorkflowFile[]) =>
      `${which.map(({ path }) => path).join(", ")} listens to ${eventType}`;
    if (states?.size === 0) {
      const disabled = `${listens(listening)}, but GitHub knows no workflow of ${fullName}: Actions is disabled`;
      return [problem(name, disabled, "Enable Actions in the repository's settings, under Actions.")];
    }
    if (active.length > 0) return [ok(name, listens(active))];
    const remedy = `Enable it: gh workflow enable ${first.path.split("/").at(-1)} -R ${fullName}`;
    return [problem(name, `${listens(listening)}, but is disabled (${states?.get(first.path)})`, remedy)];
  });
}

/** What a file that does not listen to our event is instead. */
function otherwise({ path, types }: WorkflowFile): readonly string[] {
  if (types === "unreadable") return [`${path} is not valid YAML`];
  return types === "all" || types.length === 0 ? [] : [`${path} listens to ${types.join(", ")}`];
}

/** Undefined when the token may not read it: it needs a permission that nothing else here does. */
async function statesOf({ ask }: Inspection, repository: string): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    return await workflowStates(ask, repository);
  } catch (error) {
    if (!isFailure(error)) throw error;
    return undefined;
  }
}
