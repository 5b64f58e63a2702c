import type { Command } from "commander";
import { entryInWords } from "../model/github-trigger.ts";
import { credentialLines } from "../model/identity.ts";
import { reportOf } from "../model/report.ts";
import { gitHubEntries, type Triggers } from "../model/triggers.ts";
import { CommandError, examples, JSON_OPTION, settingsHelp } from "./command.ts";
import { table } from "./terminal.ts";

export function workflowsCommand(program: Command): void {
  program
    .command("workflows")
    .description("Check and list the workflow files in WORKFLOWS_DIR")
    .option(...JSON_OPTION)
    .option("--only-files", "Check only the files; other settings and secrets may be wrong or missing")
    .addHelpText(
      "after",
      examples(
        ["List the workflows of a folder with their triggers", "WORKFLOWS_DIR=workflows gh-runner workflows"],
        ["Check the files where there are no secrets, as in CI", "gh-runner workflows --only-files"],
      ),
    )
    .addHelpText("after", settingsHelp("WORKFLOWS_DIR"))
    .action(listWorkflows);
}

/**
 * Prints the loaded workflows with trigger and file. Variables do not have to be set: the command checks the files, not
 * whether the service can start.
 */
async function listWorkflows({ json, onlyFiles }: { readonly json?: true; readonly onlyFiles?: true }): Promise<void> {
  const { inspectConfig, readConfig } = await import("../service/config/config.ts");
  const { openWorkflows } = await import("../service/workflows.ts");
  const { workflowVersionsRead } = await import("../service/workflow-versions.ts");
  await using closing = new AsyncDisposableStack();
  const { config, problems: wrong } = onlyFiles ? inspectConfig() : { config: readConfig(), problems: [] };
  const its = wrong.filter((problem) => problem.startsWith("WORKFLOWS_"));
  if (its.length > 0) throw new CommandError(`Fix these settings (docs/configuration.md): ${its.join("; ")}`);
  const { dir, reload } = config.workflows;
  const versions =
    dir !== undefined && reload ? workflowVersionsRead({ dir, dataDir: config.store.dataDir }, closing) : undefined;
  const checks = {
    versions,
    closing,
    variable: () => "set",
    app: noKey,
    address: () => undefined,
    hasWebhookSecret: true,
  };
  const { current } = await openWorkflows(config.workflows, checks);
  const { workflows, fileOf, outdated, warnings } = current;
  for (const { file, problems } of outdated)
    for (const each of problems) process.stderr.write(`broken, its previous version runs: ${file}: ${each}\n`);
  if (dir === undefined) {
    process.stderr.write("WORKFLOWS_DIR is not set, so the list has only the built-in workflows.\n");
  }
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
              ...credentialLines(credentials).map((line) => `acts on GitHub as ${line}`),
            ].map((line, at) => (at === 0 ? [name, line, file] : ["", line, ""])),
          ),
          process.stdout.columns,
        ),
  );
}

/** Variables of Apps do not have to be set either. */
const noKey = (name: string) => ({ name, id: "", privateKey: "" });

/** A line per trigger, and per entry of `github`. */
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
