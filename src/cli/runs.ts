import { type Command, Option } from "commander";
import { LOG_LEVELS, RUN_STATUSES } from "../model/run.ts";
import { examples, JSON_OPTION, SERVICE_HELP } from "./command.ts";
import { addFilterOptions, searchHelp } from "./runs-filter.ts";

export function runsCommand(program: Command): void {
  const runs = program
    .command("runs")
    .description("List, follow, re-run and cancel runs of a service")
    .addHelpText(
      "after",
      examples(
        ["List the newest runs", "gh-runner runs list"],
        ["Show one run. The first characters of its id are enough", "gh-runner runs show 019a2c4e"],
      ),
    )
    .addHelpText("afterAll", SERVICE_HELP);

  addFilterOptions(runs.command("list [search...]"), "Only runs")
    .description("List runs, newest first")
    .addOption(new Option("--status <status>", "Only runs in this status").choices(RUN_STATUSES))
    .option("--limit <number>", "Show up to this many: 1 to 100 (default: 20)")
    .option("--cursor <cursor>", "Continue an earlier list, with the cursor that it printed")
    .option("--follow", "Print a line for each change, until Ctrl-C")
    .option(...JSON_OPTION)
    .addHelpText("after", searchHelp)
    .addHelpText(
      "after",
      examples(
        ["List the failed runs of the last two hours", "gh-runner runs list --status failure --since 2h"],
        ["Search for runs of a repository's pull request, and follow them", "gh-runner runs list acme/shop#7 --follow"],
      ),
    )
    .action(async (words, options) => (await import("./runs-print.ts")).listRuns(words, options));

  runs
    .command("show <run>")
    .description("Show one run with its attempts and steps")
    .option("--follow", "Follow the run until it ends; exit code 1 if it failed or was cancelled")
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      examples(
        ["Show a run by the first characters of its id", "gh-runner runs show 019a2c4e"],
        ["Wait for its end", "gh-runner runs show 019a2c4e --follow"],
      ),
    )
    .action(async (id, options) => (await import("./runs-print.ts")).showRun(id, options));

  runs
    .command("logs <run>")
    .description("Print the log of a run")
    .option("--follow", "Follow the log until the run ends; exit code 1 if it failed or was cancelled")
    .option("--attempt <number>", "Only the lines of this attempt")
    .addOption(new Option("--level <level>", "Only lines of this level and above").choices(LOG_LEVELS))
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      examples(
        ["Follow the log of a run", "gh-runner runs logs 019a2c4e --follow"],
        [
          "Print the warnings and errors of its second attempt",
          "gh-runner runs logs 019a2c4e --attempt 2 --level warn",
        ],
      ),
    )
    .action(async (id, options) => (await import("./runs-logs.ts")).printLogs(id, options));

  addFilterOptions(runs.command("rerun [run]"), "With --failed: only runs")
    .description("Re-run one run, or all failed runs that match")
    .option("--failed", "Re-run every failed run that matches; needs a filter such as --since 2h")
    .option("--even-if-older", "Re-run this run even if its group has a newer one; not with --failed")
    .option("--yes", "Don't ask for confirmation, which --failed needs without --since")
    .addOption(
      new Option(
        "--from <where>",
        "Where it begins. start: repeat all steps (default); failure: keep the results of steps and finished waits",
      ).choices(["start", "failure"]),
    )
    .option("--input <json>", "Start a new run with this input instead; it links to the old run")
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      examples(
        ["Re-run one run, and keep the results of its finished steps", "gh-runner runs rerun 019a2c4e --from failure"],
        ["Re-run every run that failed in the last two hours", "gh-runner runs rerun --failed --since 2h"],
      ),
    )
    .action(async (id, options) => (await import("./runs-rerun.ts")).rerunRuns(id, options));

  addFilterOptions(runs.command("cancel [run]"), "Every unfinished run")
    .description("Cancel one run, or all unfinished runs that match")
    .option("--yes", "Don't ask for confirmation")
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      examples(
        ["Cancel one run", "gh-runner runs cancel 019a2c4e"],
        ["Cancel every unfinished run of a workflow", "gh-runner runs cancel --workflow deploy --yes"],
      ),
    )
    .action(async (id, options) => (await import("./runs-cancel.ts")).cancelRuns(id, options));
}
