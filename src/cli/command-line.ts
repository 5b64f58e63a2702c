import { type Argument, Command } from "commander";
import { visible } from "../model/visible.ts";
import { withoutShapes } from "../observe/secrets.ts";
import { VERSION } from "../service/version.ts";
import { auditCommand } from "./audit-log.ts";
import { backupCommands } from "./backup.ts";
import { examples } from "./command.ts";
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

/** One file per command. Each loads its imports only when it runs, because the start-up time is measured. */
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

/** The command `gh-runner` with all its subcommands. */
export function commandLine(): Command {
  const program = new Command("gh-runner")
    .description("Run small GitHub workflows as TypeScript functions on your servers")
    .version(VERSION, "-v, --version", "Print the version")
    .helpOption("-h, --help", "Show this help")
    .helpCommand("help [command]", "Show the help of a command")
    // Without "[options]" behind each name, every command takes one line of a terminal.
    .configureHelp({
      subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(argumentName)].join(" "),
    })
    .configureOutput({ outputError: (text, write) => write(visible(withoutShapes(text))) })
    .addHelpText(
      "after",
      examples(
        ["Start the service on port 9555", "gh-runner serve"],
        ["Check the settings and what they need at GitHub", "gh-runner doctor"],
      ),
    );
  for (const add of COMMANDS) add(program);
  hint(program, "gh-runner");
  return program;
}

/** After wrong arguments or options, names the help that lists them. */
function hint(command: Command, name: string): void {
  const help = command.commands.length > 0 ? "lists the commands" : "lists its arguments and options";
  command.showHelpAfterError(`${name} --help ${help}.`);
  for (const each of command.commands) hint(each, `${name} ${each.name()}`);
}

function argumentName(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}
