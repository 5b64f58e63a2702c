import { type Command, Option } from "commander";
import { LOG_LEVELS, RUN_STATUSES } from "../model/run.ts";
import { JSON_OPTION } from "./command.ts";
import { addFilterOptions, searchHelp } from "./runs-filter.ts";

export function runsCommand(program: Command): void {
  const runs = program
    .command("runs")
    .description("look at the runs of a running service, re-run and cancel them; GH_RUNNER_URL says where it is");

  addFilterOptions(runs.command("list [search...]"), "only runs")
    .description("list runs, newest first, or those that a search finds")
    .addOption(new Option("--status <status>", "only runs in this status").choices(RUN_STATUSES))
    .option("--limit <number>", "up to N: 1 to 100, 20 without it")
    .option("--cursor <cursor>", "continue where an earlier list ended")
    .option("--follow", "continue with what comes, a line for each change, until Ctrl-C")
    .option(...JSON_OPTION)
    .addHelpText("after", searchHelp)
    .action(async (words, options) => (await import("./runs-print.ts")).listRuns(words, options));

  runs
    .command("show <run>")
    .description("show one run with its attempts and steps")
    .option("--follow", "show what happens until it has ended; the exit code says how")
    .option(...JSON_OPTION)
    .action(async (id, options) => (await import("./runs-print.ts")).showRun(id, options));

  runs
    .command("logs <run>")
    .description("print what the workflow of a run has written")
    .option("--follow", "continue until it has ended, also across attempts and waits; the exit code says how")
    .option("--attempt <number>", "only what this attempt wrote")
    .addOption(new Option("--level <level>", "only lines of this level and above").choices(LOG_LEVELS))
    .option(...JSON_OPTION)
    .action(async (id, options) => (await import("./runs-logs.ts")).printLogs(id, options));

  addFilterOptions(runs.command("rerun [run]"), "with --failed: only runs")
    .description("re-run one run that has ended, or all failed runs that the options name")
    .option("--failed", "every failed run; needs one of the filters, such as --since 2h")
    .option("--even-if-older", "re-run it although its group has a newer run; not with --failed")
    .option("--yes", "do not ask first; without --since it asks, since all times are meant")
    .addOption(
      new Option(
        "--from <where>",
        "failure: keep the results of steps and finished waits; start, as without it: repeat them",
      ).choices(["start", "failure"]),
    )
    .option("--input <json>", "start a new run with another input, which names this one")
    .option(...JSON_OPTION)
    .action(async (id, options) => (await import("./runs-rerun.ts")).rerunRuns(id, options));

  addFilterOptions(runs.command("cancel [run]"), "every open run")
    .description("cancel one run, or all runs that have not ended and that the options name")
    .option("--yes", "do not ask first")
    .option(...JSON_OPTION)
    .action(async (id, options) => (await import("./runs-cancel.ts")).cancelRuns(id, options));
}
