import type { Command } from "commander";
import type { Json, RunStatus } from "../model/run.ts";
import { GIVEN_AS, kindsOf, schemaFor, type TriggerKind, type Triggers } from "../model/triggers.ts";
import { oneLine } from "../model/visible.ts";
import type { Workflow } from "../model/workflow.ts";
import { CommandError, examples, settingsHelp } from "./command.ts";

export function runCommand(program: Command): void {
  program
    .command("run <workflow>")
    .description("Run a workflow once, without the service")
    .option("--input <json>", "The body, the event or the inputs that start it")
    .option("--trigger <kind>", "The trigger that starts it, if it has several: http, github, manual, …")
    .option("--dry-run", "Read from GitHub, but print the writes instead of sending them")
    .addHelpText(
      "after",
      examples(
        [
          "Show what a workflow would change",
          `gh-runner run announce-preview --dry-run --input '{"application":"pr-1234"}'`,
        ],
        [
          "Run a workflow of a folder by its schedule",
          "WORKFLOWS_DIR=workflows gh-runner run nightly --trigger schedule",
        ],
      ),
    )
    .addHelpText("after", settingsHelp("WORKFLOWS_DIR", "GITHUB_TOKEN"))
    .action(run);
}

type Options = { readonly input?: string; readonly trigger?: string; readonly dryRun?: true };

/** Runs one attempt of a workflow on this machine, with the settings of the environment. Exit code 1 if it fails. */
async function run(name: string, { input, trigger: wanted, dryRun }: Options): Promise<void> {
  const { readConfig } = await import("../service/config/config.ts");
  const { fluxEvent } = await import("../http/triggers/flux.ts");
  const { asMessage, bodyFor, runHere } = await import("./run-here.ts");
  const inputFor = (on: Triggers, trigger: TriggerKind): Json => {
    const isTick = trigger === "schedule";
    const given = parsed(input ?? (isTick ? JSON.stringify({ scheduledAt: new Date().toISOString() }) : "{}"));
    if (trigger === "flux") return orSayWhy(() => fluxEvent(given)) as unknown as Json;
    if (trigger === "github") return webhook(given);
    const schema = schemaFor(on, trigger);
    return schema ? bodyFor(schema, given, "--input is invalid: ", GIVEN_AS[trigger]) : (given as Json);
  };
  const startedBy = ({ name, on }: Workflow) => {
    const trigger = oneOf(kindsOf(on), wanted, name);
    return { trigger, input: inputFor(on, trigger) };
  };
  const config = readConfig();
  const { run, steps } = await runHere(config, name, startedBy, {
    waitForLimits: true,
    dryRun: dryRun && ((request) => write(asMessage(request))),
  });
  for (const { kind, name: its, error, endedAt } of steps) {
    write(oneLine(`${kind} ${its}: ${error ?? (endedAt === undefined ? "under way" : "done")}`));
  }
  const ended = run.status === "success" ? JSON.stringify(run.outputs) : (run.reason ?? "");
  const again = AFTER[run.status] ?? "";
  if (dryRun && name === "environment-ready") {
    const { checkTests } = await import("../service/doctor.ts");
    for (const { check, message, remedy } of await checkTests(config))
      write(oneLine(`${check}: ${message}. ${remedy ?? ""}`));
  }
  write(oneLine(`${run.status === "queued" ? "failure" : run.status}${again}: ${ended}`));
  if (!["success", "skipped", "waiting"].includes(run.status)) process.exitCode = 1;
}

/** What the service would do next with an unfinished run. */
const AFTER: Partial<Record<RunStatus, string>> = {
  queued: " (the service would retry it)",
  waiting: " (the service would continue after the wait)",
};

/**
 * Chooses the trigger. A workflow with a schedule and a manual trigger is started by hand.
 * @throws CommandError when the trigger is ambiguous.
 */
function oneOf(kinds: readonly TriggerKind[], wanted: string | undefined, name: string): TriggerKind {
  const isClock = kinds.length === 2 && kinds.includes("schedule") && kinds.includes("manual");
  const meant = wanted ?? (isClock ? "manual" : undefined);
  const [first, ...others] = kinds.filter((kind) => meant === undefined || kind === meant);
  if (first !== undefined && others.length === 0) return first;
  if (wanted !== undefined) {
    throw new CommandError(`${name} has no trigger ${wanted}. Name one of its triggers: ${kinds.join(", ")}.`);
  }
  throw new CommandError(`${name} has the triggers ${kinds.join(", ")}: name one of them with --trigger.`);
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Prints one line where the service would answer 400. */
function orSayWhy<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new CommandError((cause as Error).message, { cause });
  }
}

function webhook(given: Record<string, unknown>): Json {
  if (typeof given.name === "string" && typeof given.payload === "object") {
    return { delivery: "by-hand", ...given } as Json;
  }
  throw new CommandError(
    `--input must be an event: {"name":"pull_request","payload":{…}}, the payload as GitHub sends it.`,
  );
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {}
  throw new CommandError(`--input must be a JSON object, such as '{"application":"pr-1234"}'.`);
}
