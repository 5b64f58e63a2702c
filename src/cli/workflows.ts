import type { Command } from "commander";
import { entryInWords } from "../model/github-trigger.ts";
import { credentialLines } from "../model/identity.ts";
import { reportOf } from "../model/report.ts";
import { gitHubEntries, type Triggers } from "../model/triggers.ts";
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
  const checks = { closing, variable: () => "set", app: noKey, hasWebhookSecret: true };
  const { current } = await openWorkflows(readConfig().workflows, checks);
  const { workflows, fileOf, warnings } = current;
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  const listed = workflows.map((workflow) => {
    const { name, githubApp, githubToken, identities, permissions } = workflow;
    const triggers = triggersIn(workflow.on);
    const report = reportOf(workflow);
    const reports = report && { as: report.as, name: report.name };
    const facts = { triggers, report: reports, githubApp, githubToken, identities, permissions };
    return { name, trigger: triggers.join("; "), file: fileOf.get(name) ?? "", ...facts };
  });
  process.stdout.write(
    json
      ? `${JSON.stringify(listed)}\n`
      : table(
          ["WORKFLOW", "TRIGGER", "FILE"],
          listed.flatMap(({ name, file, triggers, report, ...credentials }) =>
            [
              ...triggers,
              ...(report ? [`reports the ${report.as} ${report.name}`] : []),
              ...credentialLines(credentials).map((line) => `asks GitHub as ${line}`),
            ].map((line, at) => (at === 0 ? [name, line, file] : ["", line, ""])),
          ),
          process.stdout.columns,
        ),
  );
}

/** Its variables need not be set either. */
const noKey = (name: string) => ({ name, id: "", privateKey: "" });

/** A line for each trigger, and for each entry of `github`. */
export function triggersIn(on: Triggers): readonly string[] {
  const { http, schedule, flux, manual, call } = on;
  return [
    ...(http ? [`http POST ${http.path}`] : []),
    ...(flux ? [`flux POST ${flux.path}`] : []),
    ...gitHubEntries(on).map((entry) => {
      const { events, only } = entryInWords(entry);
      return `github ${events}${only ? ` (${only})` : ""}`;
    }),
    ...(schedule ? [`schedule ${schedule.cron} ${schedule.timeZone ?? "UTC"}`] : []),
    ...(manual ? ["manual"] : []),
    ...(call ? ["call"] : []),
  ];
}
