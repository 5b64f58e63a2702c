import type { Workflow } from "../model/workflow.ts";
import { closingStack } from "../service/closing-stack.ts";
import { readConfig } from "../service/config/config.ts";
import { workflowsOf } from "../service/workflows.ts";
import { CommandError } from "./command-error.ts";
import { table } from "./table.ts";

/**
 * Prints what is loaded, with trigger and file. Variables need not be set: this tells whether the files are right, not
 * whether the service can start.
 */
export async function listWorkflows({ json }: { readonly json?: true }): Promise<void> {
  const { onClose, close } = closingStack();
  try {
    const config = readConfig();
    const means = { onClose, variable: () => "set", hasWebhookSecret: true };
    const { workflows, fileOf, warnings } = await workflowsOf(config.workflows, means);
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    const rows = workflows.map(
      (workflow) => [workflow.name, triggerOf(workflow), fileOf.get(workflow.name) ?? ""] as const,
    );
    process.stdout.write(
      json
        ? `${JSON.stringify(rows.map(([name, trigger, file]) => ({ name, trigger, file })))}\n`
        : table(["WORKFLOW", "TRIGGER", "FILE"], rows, process.stdout.columns),
    );
  } catch (error) {
    throw new CommandError((error as Error).message, { cause: error });
  } finally {
    await close();
  }
}

function triggerOf({ on: { http, schedule, github, flux } }: Workflow): string {
  if (http) return `http POST ${http.path}`;
  if (schedule) return `schedule ${schedule.cron} ${schedule.timeZone ?? "UTC"}`;
  if (flux) return `flux POST ${flux.path}`;
  const events = ([] as string[]).concat(github?.events ?? []).join(", ");
  return `github ${events}${github?.actions ? ` (${github.actions.join(", ")})` : ""}`;
}
