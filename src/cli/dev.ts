import { existsSync } from "node:fs";
import type { Command } from "commander";
import { CommandError, examples, settingsHelp } from "./command.ts";
import { onSignal } from "./on-signal.ts";

export function devCommand(program: Command): void {
  program
    .command("dev")
    .description("Try workflows on your machine, with a stand-in GitHub")
    .argument("[folder]", "Folder of the workflows (default: WORKFLOWS_DIR, or workflows)")
    .option("--no-open", "Don't open the page in a browser")
    .addHelpText(
      "after",
      examples(
        ["Try the workflows in the folder workflows", "gh-runner dev"],
        ["Try another folder, on another port", "PORT=8080 gh-runner dev my-workflows --no-open"],
      ),
    )
    .addHelpText("after", settingsHelp("WORKFLOWS_DIR", "PORT"))
    .action(dev);
}

/** Runs until a signal. Exit code 1 if it cannot start. A broken file does not stop it. */
async function dev(given: string | undefined, { open }: { readonly open: boolean }): Promise<void> {
  const { devDefaults } = await import("../service/config/dev.ts");
  const { isRunByNpm } = await import("../service/config/config.ts");
  const { startDev } = await import("./dev-session.ts");
  const defaults = devDefaults();
  const folder = given ?? defaults.folder;
  if (!existsSync(folder)) {
    throw new CommandError(
      `There is no folder ${folder}: create a first workflow with gh-runner init, or name another folder.`,
    );
  }
  const closing = new AsyncDisposableStack();
  const starting = startDev(folder, defaults.port, closing);
  const stop = onSignal(async () => {
    await starting.catch(() => {});
    await closing.disposeAsync();
  });
  if (isRunByNpm()) stop.alsoWithoutParent();
  try {
    const url = await starting;
    if (open && defaults.isAttended && process.stdout.isTTY) await openPage(url);
  } catch (error) {
    stop.forget();
    await closing.disposeAsync();
    throw error;
  }
}

const OPENERS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
};

/** Uses the platform's command. If there is none, the user has the printed address. */
async function openPage(url: string): Promise<void> {
  const { spawn } = await import("node:child_process");
  const [program, ...args] = OPENERS[process.platform] ?? ["xdg-open"];
  const child = spawn(program, [...args, url], { detached: true, stdio: "ignore" });
  child.on("error", () => {});
  child.unref();
}
