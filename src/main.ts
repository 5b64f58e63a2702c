#!/usr/bin/env node
import "./cli/oldest-node.ts";
import { Command, Option } from "commander";
import { CommandError } from "./cli/command-error.ts";
import { RUN_STATUSES } from "./model/run.ts";
import { visible } from "./model/visible.ts";
import { withoutShapes } from "./observe/secrets.ts";
import { VERSION } from "./service/version.ts";

const program = new Command("gh-runner")
  .description("Runs small GitHub workflows as TypeScript functions on your own infrastructure.")
  .version(VERSION, "-v, --version")
  .configureOutput({ outputError: (text, write) => write(visible(withoutShapes(text))) });

const JSON_OPTION = ["--json", "print JSON, for scripts"] as const;

program
  .command("serve")
  .description("start the service; settings come from the environment (docs/configuration.md)")
  .action(async () => {
    const { serve } = await import("./cli/serve.ts");
    await serve();
  });

program
  .command("workflows")
  .description("list the workflows of WORKFLOWS_DIR with trigger and file, and say what is wrong with any of them")
  .option("--json", "print JSON, for scripts")
  .action(async (options) => {
    const { listWorkflows } = await import("./cli/workflows.ts");
    await listWorkflows(options);
  });

program
  .command("run <workflow>")
  .description("execute a workflow here, once; settings come from the environment")
  .option("--input <json>", "what starts it: the body, or the event")
  .option("--dry-run", "read from GitHub, but print what would be written to it")
  .action(async (name, options) => {
    const { runWorkflow } = await import("./cli/run-workflow.ts");
    await runWorkflow(name, options);
  });

program
  .command("init [name]")
  .description("write a first workflow, a test for it, and what ArgoCD needs to start it")
  .action(async (name) => {
    const { init } = await import("./cli/init.ts");
    await init(name);
  });

program
  .command("doctor")
  .description("check the settings and all that they lead to at GitHub; sends nothing to the repositories")
  .option(...JSON_OPTION)
  .action(async (options) => {
    const { doctor } = await import("./cli/doctor.ts");
    await doctor(options);
  });

program
  .command("dispatch <application>")
  .description("do the job for one application now, without the service, with the same settings")
  .option("--revision <ref>", "git ref of the deployment repository at which the values file is read")
  .option("--dry-run", "read, and print what would be sent; nothing is sent")
  .option(...JSON_OPTION)
  .action(async (application, options) => {
    const { dispatch } = await import("./cli/dispatch.ts");
    await dispatch(application, options);
  });

program
  .command("migrate")
  .description(
    "bring the schema of DATABASE_URL up to date, with a role that may; the service does so where it may itself",
  )
  .action(async () => {
    const { migrate } = await import("./cli/migrate.ts");
    await migrate();
  });

program
  .command("export")
  .description("write all runs and what waits, from DATABASE_URL or DATA_DIR, as JSON Lines; changes nothing")
  .option("--output <file>", "to this file instead of the standard output")
  .action(async (options) => {
    const { exportRuns } = await import("./cli/move.ts");
    await exportRuns(options);
  });

program
  .command("import [file]")
  .description("fill an empty store, DATABASE_URL or DATA_DIR, with an export; from the standard input without a file")
  .action(async (file) => {
    const { importRuns } = await import("./cli/move.ts");
    await importRuns(file);
  });

const runs = program
  .command("runs")
  .description("look at the runs of a running service, and re-run them; GH_RUNNER_URL says where it is");

runs
  .command("list")
  .description("list runs, newest first")
  .addOption(new Option("--status <status>", "only runs in this status").choices(RUN_STATUSES))
  .option("--workflow <name>", "only runs of this workflow")
  .option("--group <name>", "only runs of this concurrency group")
  .option("--limit <number>", "at most so many: 1 to 100, 20 without it")
  .option("--cursor <cursor>", "go on where an earlier list ended")
  .option("--follow", "go on with what comes, a line for each change, until Ctrl-C")
  .option(...JSON_OPTION)
  .action(async (options) => {
    const { listRuns } = await import("./cli/runs-list.ts");
    await listRuns(options);
  });

runs
  .command("show <run>")
  .description("show one run with its attempts and steps")
  .option("--follow", "tell what happens until it has ended; the exit code says how")
  .option(...JSON_OPTION)
  .action(async (id, options) => {
    const { showRun } = await import("./cli/runs-show.ts");
    await showRun(id, options);
  });

runs
  .command("rerun [run]")
  .description("queue a run that has ended again, or all that failed lately")
  .option("--failed", "every failed run; needs --since")
  .option("--even-if-older", "although its group has a newer run; not with --failed")
  .option("--since <duration>", "with --failed: accepted within this time, such as 30m, 2h or 3d")
  .option(...JSON_OPTION)
  .action(async (id, options) => {
    const { rerunRuns } = await import("./cli/runs-rerun.ts");
    await rerunRuns(id, options);
  });

try {
  await program.parseAsync();
} catch (error) {
  const { name, message, stack } = error as Error;
  const isForUsers = error instanceof CommandError || name === "ConfigError";
  process.stderr.write(`${visible(withoutShapes(isForUsers ? message : (stack ?? String(error))))}\n`);
  process.exitCode = 1;
}
