import type { Command } from "commander";
import type { WorkflowList } from "../http/workflows-schemas.ts";
import { oneLine } from "../model/visible.ts";
import { ratePercent } from "../model/workflow-stats.ts";
import { CommandError, JSON_OPTION } from "./command.ts";
import { shortDuration, table } from "./terminal.ts";

export function workflowCommand(program: Command): void {
  const workflow = program
    .command("workflow")
    .description("list, pause and resume the workflows of a running service; GH_RUNNER_URL says where it is");

  workflow
    .command("list")
    .description("list the workflows: how their runs went, when each is due next, and which are paused")
    .option(...JSON_OPTION)
    .action(list);

  workflow
    .command("pause [workflow]")
    .description("begin no more of its runs; events are accepted and wait, and what runs continues")
    .option("--all", "all workflows")
    .option(...JSON_OPTION)
    .action((name, options) => turn("pause", name, options));

  workflow
    .command("resume [workflow]")
    .description("let its runs begin again")
    .option("--all", "end the pause of all workflows; those that were paused by name stay paused")
    .option(...JSON_OPTION)
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
    ...gone.map(({ name, stats }) => [name, ...figures(stats), "", "it is gone, its runs are kept"]),
  ];
  const heading = ["WORKFLOW", "SUCCESS", "P50", "P95", "SUCCEEDED", "FAILED", "NEXT", "PAUSED"];
  process.stdout.write(table(heading, rows, process.stdout.columns));
  for (const { file, problems } of broken)
    process.stderr.write(`${oneLine(`${file} is broken: ${problems.join("; ")}`)}\n`);
  for (const { file, problems } of outdated)
    process.stderr.write(`${oneLine(`${file} is broken, its previous version runs: ${problems.join("; ")}`)}\n`);
}

type Listed = WorkflowList["workflows"][number];

/** As the page shows them: success rate, durations, and how long ago it last succeeded and failed. */
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

/** Pauses or resumes a workflow, and says how it is now. */
async function turn(action: "pause" | "resume", name: string | undefined, { all, json }: Options): Promise<void> {
  if ((name === undefined) !== (all === true)) {
    throw new CommandError("Say which: either the name of a workflow, or --all.");
  }
  const { serviceClient } = await import("./service-client.ts");
  const { text, said } = await serviceClient().turn(action, name);
  if (json) {
    process.stdout.write(`${text}\n`);
    return;
  }
  const what = name ?? "every workflow";
  const { changed, paused, pausedByName = [] } = said;
  const already = changed ? "" : action === "pause" ? " already" : ", and was not paused";
  if (paused === undefined) process.stdout.write(`${what} is resumed${already}\n`);
  else process.stdout.write(`${what} is paused${action === "pause" ? already : ""} (${since(paused)})\n`);
  if (action === "resume" && paused?.all) {
    process.stderr.write("All workflows are paused: gh-runner workflow resume --all ends that.\n");
  }
  if (action === "resume" && pausedByName.length > 0) {
    process.stderr.write(`These were paused by name and stay so: ${pausedByName.join(", ")}\n`);
  }
}

function since({ at, actor, all }: { readonly at: string; readonly actor: string; readonly all: boolean }): string {
  return `${all ? "with all, " : ""}for ${shortDuration(Date.now() - Date.parse(at))}, by ${actor}`;
}
