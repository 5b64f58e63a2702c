#!/usr/bin/env node
import "./cli/oldest-node.ts";
import { Command } from "commander";
import { CommandError } from "./cli/command.ts";
import { devCommand } from "./cli/dev.ts";
import { dispatchCommand } from "./cli/dispatch.ts";
import { doctorCommand } from "./cli/doctor.ts";
import { initCommand } from "./cli/init.ts";
import { previewsCommand } from "./cli/previews.ts";
import { runCommand } from "./cli/run.ts";
import { runsCommand } from "./cli/runs.ts";
import { serveCommand } from "./cli/serve.ts";
import { startCommand } from "./cli/start.ts";
import { storeCommands } from "./cli/store.ts";
import { workflowCommand } from "./cli/workflow.ts";
import { workflowsCommand } from "./cli/workflows.ts";
import { visible } from "./model/visible.ts";
import { withoutShapes } from "./observe/secrets.ts";
import { VERSION } from "./service/version.ts";

/** Each command is a file of cli/, which loads what it works with when it is called: the start is measured. */
const COMMANDS = [
  serveCommand,
  workflowsCommand,
  runCommand,
  initCommand,
  devCommand,
  doctorCommand,
  dispatchCommand,
  storeCommands,
  runsCommand,
  previewsCommand,
  startCommand,
  workflowCommand,
];

const program = new Command("gh-runner")
  .description("Runs small GitHub workflows as TypeScript functions on your own infrastructure.")
  .version(VERSION, "-v, --version")
  .configureOutput({ outputError: (text, write) => write(visible(withoutShapes(text))) });
for (const add of COMMANDS) add(program);

try {
  await program.parseAsync();
} catch (error) {
  const { name, message, stack } = error as Error;
  // Our own words begin with "Cannot ", and so do those of a TypeError, which is a bug of ours.
  const isToldUsers = name === "Error" && message.startsWith("Cannot ");
  const isForUsers = error instanceof CommandError || name === "ConfigError" || isToldUsers;
  process.stderr.write(`${visible(withoutShapes(isForUsers ? message : (stack ?? String(error))))}\n`);
  process.exitCode = 1;
}
