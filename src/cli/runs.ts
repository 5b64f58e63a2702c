import { type Command, Option } from "commander";
import { RUN_STATUSES } from "../model/run.ts";
import { JSON_OPTION } from "./command.ts";

export function runsCommand(program: Command): void {
  const runs = program
    .command("runs")
    .description("look at the runs of a running service, re-run and cancel them; GH_RUNNER_URL says where it is");

  runs
    .command("list")
    .description("list runs, newest first")
    .addOption(new Option("--status <status>", "only runs in this status").choices(RUN_STATUSES))
    .option("--workflow <name>", "only runs of this workflow")
    .option("--group <name>", "only runs of this concurrency group")
    .option("--limit <number>", "up to N: 1 to 100, 20 without it")
    .option("--cursor <cursor>", "continue where an earlier list ended")
    .option("--follow", "go on with what comes, a line for each change, until Ctrl-C")
    .option(...JSON_OPTION)
    .action(async (options) => (await import("./runs-print.ts")).listRuns(options));

  runs
    .command("show <run>")
    .description("show one run with its attempts and steps")
    .option("--follow", "tell what happens until it has ended; the exit code says how")
    .option(...JSON_OPTION)
    .action(async (id, options) => (await import("./runs-print.ts")).showRun(id, options));

  runs
    .command("logs <run>")
    .description("print what the workflow of a run has written")
    .option("--follow", "until it has ended, also across attempts and waits; the exit code says how")
    .option("--attempt <number>", "only what this attempt wrote")
    .option(...JSON_OPTION)
    .action(async (id, options) => (await import("./runs-logs.ts")).printLogs(id, options));

  runs
    .command("rerun [run]")
    .description("queue a run that has ended again, or all that failed lately")
    .option("--failed", "every failed run; needs --since")
    .option("--even-if-older", "although its group has a newer run; not with --failed")
    .option("--since <duration>", "with --failed: accepted within this time, such as 30m, 2h or 3d")
    .option("--workflow <name>", "with --failed: only runs of this workflow")
    .option("--group <name>", "with --failed: only runs of this concurrency group")
    .addOption(
      new Option("--from <where>", "failure: what steps and finished waits led to stands").choices([
        "start",
        "failure",
      ]),
    )
    .option("--input <json>", "start a new run with another input, which names this one")
    .option(...JSON_OPTION)
    .action(async (id, options) => (await import("./runs-rerun.ts")).rerunRuns(id, options));

  runs
    .command("cancel [run]")
    .description("cancel a run, or all of a workflow or a group that have not ended")
    .option("--workflow <name>", "every run of this workflow that has not ended")
    .option("--group <name>", "every run of this concurrency group that has not ended")
    .option("--yes", "do not ask before several are cancelled")
    .option(...JSON_OPTION)
    .action(async (id, options) => (await import("./runs-cancel.ts")).cancelRuns(id, options));
}
