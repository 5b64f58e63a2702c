import { scheduleProblem } from "../http/triggers/schedule.ts";
import type { Secrets } from "../model/secrets.ts";
import type { Workflow } from "../model/workflow.ts";
import { environmentReady } from "../workflows/environment-ready.ts";
import { type CheckedWorkflows, checkedWorkflows } from "../workflows/load/check-workflows.ts";
import { loadWorkflows } from "../workflows/load/load-workflows.ts";
import { secretLines } from "./config/setting.ts";
import type { WorkflowsConfig } from "./config/workflows.ts";

const BUILT_IN = "built in";

/**
 * All workflows of a service: the built-in one, those of WORKFLOWS_DIR, and more.
 * @throws Error that begins with "Cannot" and names everything that is wrong with any of them.
 */
export async function workflowsOf(
  config: WorkflowsConfig,
  {
    closing,
    more = [],
    variable = config.variable,
    hasWebhookSecret,
  }: {
    closing: AsyncDisposableStack;
    more?: readonly { readonly workflow: Workflow; readonly file: string }[] | undefined;
    variable?: WorkflowsConfig["variable"];
    hasWebhookSecret: boolean;
  },
): Promise<CheckedWorkflows> {
  const loaded = config.dir === undefined ? [] : await loadWorkflows(config.dir, closing);
  const builtIn = [{ workflow: environmentReady(config) as Workflow, file: BUILT_IN }];
  const all = [...loaded, ...more.map(({ workflow, file }) => ({ file, exported: workflow }))];
  return checkedWorkflows(builtIn, all, { variable, hasWebhookSecret }, scheduleProblem);
}

/** Whether there is a workflow beside the built-in one. */
export function hasOthers({ fileOf }: CheckedWorkflows): boolean {
  return [...fileOf.values()].some((file) => file !== BUILT_IN);
}

/** Has the variables of workflows never be seen: those that hold a token for certain, and those that may. */
export function hideVariables({ workflows, variables }: CheckedWorkflows, secrets: Secrets): void {
  const tokens = new Set([...workflows.map(({ githubToken }) => githubToken), ...keyVariables(workflows)]);
  for (const [name, value] of Object.entries(variables)) {
    if (tokens.has(name)) for (const each of [value, ...secretLines(value)]) secrets.guard(each);
    else secrets.hide(value);
  }
}

/** Variables that hold what callers of a workflow must bring. */
export function keyVariables(workflows: readonly Workflow[]): readonly string[] {
  return workflows.flatMap(({ on }) => [on.http?.token ?? [], on.flux?.key ?? []].flat());
}
