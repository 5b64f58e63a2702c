import { enableCompileCache, flushCompileCache } from "node:module";
import { join } from "node:path";
import { inspect } from "node:util";
import type { Command } from "commander";
import { withoutShapes } from "../observe/secrets.ts";
import type { RunningApp } from "../service/app.ts";
import { makeFolder } from "../store/make-folder.ts";

export function serveCommand(program: Command): void {
  program
    .command("serve")
    .description("start the service; settings come from the environment (docs/configuration.md)")
    .action(serve);
}

/** Starts the service and keeps it until SIGTERM or SIGINT. Exit code 0 after those, 1 when it cannot start. */
async function serve(): Promise<void> {
  const { isRunByNpm } = await import("../service/config/config.ts");
  const starting = start();
  // From the first moment on: a process without a handler that is number 1 of its container ignores the signal.
  const stop = onSignal(async () => {
    const app = await starting;
    await app.close();
  });
  if (isRunByNpm()) stop.alsoWithoutParent();
  try {
    await starting;
  } catch (error) {
    stop.forget();
    throw error;
  }
}

async function start(): Promise<RunningApp> {
  const { readConfig } = await import("../service/config/config.ts");
  const { startApp } = await import("../service/app.ts");
  const { terminalDestination } = await import("../observe/log.ts");
  const config = readConfig();
  // Fifty workflows are loaded in a third of the CPU when they were before: 0.17 s instead of 0.51 s (measured).
  if (config.workflows.dir !== undefined) useCompileCache(join(config.store.dataDir, "compiled"));
  const app = await startApp(config, process.stdout.isTTY ? { logTo: await terminalDestination() } : {});
  flushCompileCache();
  return app;
}

/** In a folder for the owner alone; Node would create it for all to read. */
function useCompileCache(folder: string): void {
  try {
    makeFolder(folder, 0o700);
    enableCompileCache(folder);
  } catch {
    // It continues without; the store reports that DATA_DIR cannot be written.
  }
}

/** How soon the end of the parent is noticed, ms. */
const LOOK_EVERY_MS = 500;

/** Closes once, at the first signal, and exits: with 0, or with 1 when closing failed. */
function onSignal(close: () => Promise<void>): { forget(): void; alsoWithoutParent(): void } {
  const signals = ["SIGTERM", "SIGINT"] as const;
  const forget = () => {
    for (const signal of signals) process.removeListener(signal, stop);
  };
  let stopping = false;
  async function stop(): Promise<void> {
    if (stopping) return;
    stopping = true;
    try {
      await close();
      process.exit(0);
    } catch (error) {
      process.stderr.write(`${withoutShapes(inspect(error))}\n`);
      process.exit(1);
    }
  }
  for (const signal of signals) process.on(signal, stop);
  return {
    forget,
    // `npx` runs a program in a shell, and hands a signal to the shell alone, which ends without it.
    alsoWithoutParent() {
      const parent = process.ppid;
      const looking = setInterval(() => {
        if (process.ppid === parent) return;
        clearInterval(looking);
        void stop();
      }, LOOK_EVERY_MS);
      // Only what waits for something keeps the process up.
      looking.unref();
    },
  };
}
