import type { Command } from "commander";
import type { Workflow } from "../model/workflow.ts";
import { JSON_OPTION } from "./command.ts";
import { table } from "./terminal.ts";

export function workflowsCommand(program: Command): void {
  program
    .command("workflows")
    .description("list the workflows of WORKFLOWS_DIR with trigger and file, and say what is wrong with any of them")
    .option(...JSON_OPTION)
    .action(listWorkflows);
}

/**
 * Prints what is loaded, with trigger and file. Variables need not be set: this tells whether the files are right, not
 * whether the service can start.
 */
async function listWorkflows({ json }: { readonly json?: true }): Promise<void> {
  const { readConfig } = await import("../service/config/config.ts");
  const { openWorkflows } = await import("../service/workflows.ts");
  await using closing = new AsyncDisposableStack();
  const checks = { closing, variable: () => "set", hasWebhookSecret: true };
  const { current } = await openWorkflows(readConfig().workflows, checks);
  const { workflows, fileOf, warnings } = current;
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  const rows = workflows.map(
    (workflow) => [workflow.name, triggerOf(workflow), fileOf.get(workflow.name) ?? ""] as const,
  );
  process.stdout.write(
    json
      ? `${JSON.stringify(rows.map(([name, trigger, file]) => ({ name, trigger, file })))}\n`
      : table(["WORKFLOW", "TRIGGER", "FILE"], rows, process.stdout.columns),
  );
}

function triggerOf({ on: { http, schedule, github, flux } }: Workflow): string {
  if (http) return `http POST ${http.path}`;
  if (schedule) return `schedule ${schedule.cron} ${schedule.timeZone ?? "UTC"}`;
  if (flux) return `flux POST ${flux.path}`;
  const events = ([] as string[]).concat(github?.events ?? []).join(", ");
  return `github ${events}${github?.actions ? ` (${github.actions.join(", ")})` : ""}`;
}
