import { Command } from "commander";
import { visible } from "../model/visible.ts";
import { withoutShapes } from "../observe/secrets.ts";
import { VERSION } from "../service/version.ts";
import { auditCommand } from "./audit-log.ts";
import { backupCommands } from "./backup.ts";
import { CommandError } from "./command.ts";
import { devCommand } from "./dev.ts";
import { dispatchCommand } from "./dispatch.ts";
import { doctorCommand } from "./doctor.ts";
import { initCommand } from "./init.ts";
import { previewsCommand } from "./previews.ts";
import { runCommand } from "./run.ts";
import { runsCommand } from "./runs.ts";
import { serveCommand } from "./serve.ts";
import { startCommand } from "./start.ts";
import { storeCommands } from "./store.ts";
import { whyCommands } from "./why.ts";
import { workflowCommand } from "./workflow.ts";
import { workflowsCommand } from "./workflows.ts";

/** Each command is a file beside this one, which loads what it works with when it is called: the start is measured. */
const COMMANDS = [
  serveCommand,
  workflowsCommand,
  runCommand,
  initCommand,
  devCommand,
  doctorCommand,
  dispatchCommand,
  storeCommands,
  backupCommands,
  runsCommand,
  previewsCommand,
  whyCommands,
  auditCommand,
  startCommand,
  workflowCommand,
];

const program = new Command("gh-runner")
  .description("Runs small GitHub workflows as TypeScript functions on your own infrastructure.")
  .version(VERSION, "-v, --version")
  .configureOutput({ outputError: (text, write) => write(visible(withoutShapes(text))) });
for (const add of COMMANDS) add(program);

// Without `await`: the release is a script, which V8's code cache needs.
program.parseAsync().catch((error: unknown) => {
  const { name, message, stack } = error as Error;
  // Our own words begin with "Cannot ", and so do those of a TypeError, which is a bug of ours.
  const isToldUsers = name === "Error" && message.startsWith("Cannot ");
  const isForUsers = error instanceof CommandError || name === "ConfigError" || isToldUsers;
  process.stderr.write(`${visible(withoutShapes(isForUsers ? message : (stack ?? String(error))))}\n`);
  process.exitCode = 1;
});
