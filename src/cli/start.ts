import type { Command } from "commander";
import { CommandError, JSON_OPTION } from "./command.ts";

export function startCommand(program: Command): void {
  program
    .command("start <workflow>")
    .description("start a run of a workflow at a running service; GH_RUNNER_URL says where it is")
    .option("--input <json>", "the inputs of the workflow's trigger `manual`, a JSON object")
    .option("--follow", "show what happens until the run has ended; the exit code says how")
    .option(...JSON_OPTION)
    .action(start);
}

type Options = { readonly input?: string; readonly follow?: true; readonly json?: true };

/** Starts a run by hand, and prints its id. What is wrong with the inputs is a line each. */
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
