import { styleText } from "node:util";
import type { Command } from "commander";
import type { Check } from "../model/check.ts";
import { oneLine } from "../model/visible.ts";
import { ALL_SETTINGS_HELP, examples, JSON_OPTION } from "./command.ts";

export function doctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("Check the settings and what they need at GitHub")
    .option("--notify", "Also send a test notice to every receiver of notices")
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      examples(
        ["Check the settings of the environment. This sends nothing to the repositories", "gh-runner doctor"],
        ["Check also that notices arrive", "gh-runner doctor --notify"],
      ),
    )
    .addHelpText("after", ALL_SETTINGS_HELP)
    .action(doctor);
}

/** Checks the settings and prints the results. Exit code 1 if there is a problem. */
async function doctor({ json, notify = false }: { readonly json?: true; readonly notify?: boolean }): Promise<void> {
  const { checkSettings } = await import("../service/doctor.ts");
  const checks = await checkSettings(undefined, { notify });
  process.stdout.write(json ? `${JSON.stringify(checks)}\n` : report(checks));
  if (checks.some(({ status }) => status === "problem")) process.exitCode = 1;
}

function report(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ check }) => check.length));
  const lines = checks.flatMap(({ check, status, message, remedy }) => [
    `${styleText(COLOURS[status], status.padEnd(STATUS_WIDTH))}  ${check.padEnd(width)}  ${oneLine(message)}`,
    ...(remedy === null ? [] : [`${" ".repeat(STATUS_WIDTH + width + 2)}  → ${oneLine(remedy)}`]),
  ]);
  return `${[...lines, "", summary(checks)].join("\n")}\n`;
}

/** Colours appear only on a terminal: `styleText` checks standard output. */
const COLOURS = { ok: "green", warning: "yellow", problem: "red" } as const;

const STATUS_WIDTH = "problem".length;

function summary(checks: readonly Check[]): string {
  const count = (status: Check["status"], word: string) => {
    const number = checks.filter((each) => each.status === status).length;
    return number === 0 ? [] : [`${number} ${word}${number === 1 ? "" : "s"}`];
  };
  const found = [...count("problem", "problem"), ...count("warning", "warning")];
  return found.length === 0 ? "All is well." : `${found.join(", ")}.`;
}
