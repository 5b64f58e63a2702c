import type { Command } from "commander";
import { CommandError, examples, JSON_OPTION, SERVICE_HELP } from "./command.ts";

export function startCommand(program: Command): void {
  program
    .command("start <workflow>")
    .description("Start a run of a workflow in a running service")
    .option("--input <json>", "Inputs of the workflow's manual trigger, as a JSON object")
    .option("--follow", "Follow the run until it ends; exit code 1 if it failed or was cancelled")
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      examples(
        ["Start the workflow deploy with an input", `gh-runner start deploy --input '{"ref":"main"}'`],
        ["Start it, and wait for the end of the run", "gh-runner start deploy --follow"],
      ),
    )
    .addHelpText("after", SERVICE_HELP)
    .action(start);
}

type Options = { readonly input?: string; readonly follow?: true; readonly json?: true };

/** Starts a run by hand and prints its id. Prints a line per problem with the inputs. */
async function start(workflow: string, { input = "{}", follow, json }: Options): Promise<void> {
  const { serviceClient } = await import("./service-client.ts");
  const { text, said } = await serviceClient().start(workflow, inputsIn(input));
  if (follow) {
    if (!json) process.stdout.write(`${said.id}\n`);
    return (await import("./runs-follow.ts")).followRun(said.id, json);
  }
  process.stdout.write(json ? `${text}\n` : `${said.id} is ${said.status}\n`);
}

function inputsIn(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {}
  throw new CommandError(`--input must be a JSON object, such as '{"ref":"main"}'.`);
}
