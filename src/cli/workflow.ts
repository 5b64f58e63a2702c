import type { Command } from "commander";
import type { WorkflowList } from "../http/workflows-schemas.ts";
import { oneLine } from "../model/visible.ts";
import { ratePercent } from "../model/workflow-stats.ts";
import { CommandError, examples, JSON_OPTION, SERVICE_HELP } from "./command.ts";
import { shortDuration, table } from "./terminal.ts";

export function workflowCommand(program: Command): void {
  const workflow = program
    .command("workflow")
    .description("List, pause and resume workflows of a running service")
    .addHelpText(
      "after",
      examples(
        ["List the workflows and how their runs ended", "gh-runner workflow list"],
        ["Pause all workflows in an incident", "gh-runner workflow pause --all"],
      ),
    )
    .addHelpText("afterAll", SERVICE_HELP);

  workflow
    .command("list")
    .description("List workflows, their results and their next runs")
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      examples(
        ["List the workflows, and which ones are paused", "gh-runner workflow list"],
        ["Print the same as JSON", "gh-runner workflow list --json"],
      ),
    )
    .action(list);

  workflow
    .command("pause [workflow]")
    .description("Start no new runs; events wait, active runs continue")
    .option("--all", "Pause all workflows")
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      examples(
        ["Pause one workflow", "gh-runner workflow pause deploy"],
        ["Pause all workflows", "gh-runner workflow pause --all"],
      ),
    )
    .action((name, options) => turn("pause", name, options));

  workflow
    .command("resume [workflow]")
    .description("Start runs again")
    .option("--all", "End the pause of all workflows; workflows that were paused by name stay paused")
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      examples(
        ["Resume one workflow", "gh-runner workflow resume deploy"],
        ["End the pause of all workflows", "gh-runner workflow resume --all"],
      ),
    )
    .action((name, options) => turn("resume", name, options));
}

type Options = { readonly all?: true; readonly json?: true };

async function list({ json }: Options): Promise<void> {
  const { serviceClient } = await import("./service-client.ts");
  const { text, said } = await serviceClient().workflows();
  if (json) {
    process.stdout.write(`${text}\n`);
    return;
  }
  const { workflows, broken, outdated = [], gone = [] } = said;
  const rows = [
    ...workflows.map(({ name, stats, schedule, paused }) => [
      name,
      ...figures(stats),
      schedule ? nextOf(schedule) : "",
      paused === undefined ? "" : since(paused),
    ]),
    ...gone.map(({ name, stats }) => [name, ...figures(stats), "", "removed, its runs are kept"]),
  ];
  const heading = ["WORKFLOW", "SUCCESS", "P50", "P95", "SUCCEEDED", "FAILED", "NEXT", "PAUSED"];
  process.stdout.write(table(heading, rows, process.stdout.columns));
  for (const { file, problems } of broken)
    process.stderr.write(`${oneLine(`${file} is broken: ${problems.join("; ")}`)}\n`);
  for (const { file, problems } of outdated)
    process.stderr.write(`${oneLine(`${file} is broken, its previous version runs: ${problems.join("; ")}`)}\n`);
}

type Listed = WorkflowList["workflows"][number];

/** The figures of the page: success rate, durations, and the time since the last success and failure. */
function figures(stats: Listed["stats"]): readonly string[] {
  if (stats === undefined) return ["", "", "", "", ""];
  const { success, failure, p50, p95, lastSuccess, lastFailure } = stats;
  const rate = ratePercent({ success, failure });
  const ago = (run: typeof lastSuccess) => (run ? `${shortDuration(Date.now() - Date.parse(run.endedAt))} ago` : "");
  const took = (ms: number | undefined) => (ms === undefined ? "" : shortDuration(ms));
  return [
    rate === undefined ? "" : `${rate}% of ${success + failure}`,
    took(p50),
    took(p95),
    ago(lastSuccess),
    ago(lastFailure),
  ];
}

function nextOf({ next, late }: NonNullable<Listed["schedule"]>): string {
  const left = (at: string) => shortDuration(Math.abs(Date.parse(at) - Date.now()));
  if (late) return `${left(late.at)} late`;
  return next === undefined ? "never again" : `in ${left(next)}`;
}

/** Pauses or resumes a workflow, and prints its state. */
async function turn(action: "pause" | "resume", name: string | undefined, { all, json }: Options): Promise<void> {
  if ((name === undefined) !== (all === true)) {
    throw new CommandError("Name a workflow, or use --all.");
  }
  const { serviceClient } = await import("./service-client.ts");
  const { text, said } = await serviceClient().turn(action, name);
  if (json) {
    process.stdout.write(`${text}\n`);
    return;
  }
  const what = name ?? "every workflow";
  const { changed, paused, pausedByName = [] } = said;
  if (paused === undefined) process.stdout.write(`${what} ${changed ? "is resumed" : "was not paused"}\n`);
  else {
    const already = action === "pause" && !changed ? "already " : "";
    process.stdout.write(`${what} is ${already}paused (${since(paused)})\n`);
  }
  if (action === "resume" && paused?.all) {
    process.stderr.write("All workflows are still paused. To resume them: gh-runner workflow resume --all\n");
  }
  if (action === "resume" && pausedByName.length > 0) {
    process.stderr.write(`These workflows were paused by name and are still paused: ${pausedByName.join(", ")}\n`);
  }
}

function since({ at, actor, all }: { readonly at: string; readonly actor: string; readonly all: boolean }): string {
  return `${all ? "with all, " : ""}for ${shortDuration(Date.now() - Date.parse(at))}, by ${actor}`;
}
