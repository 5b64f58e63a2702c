import { type RunningApp, startApp } from "../app.ts";
import { ConfigError, readConfig } from "../config.ts";
import { terminalDestination } from "../log.ts";

/** Starts the service and keeps it until SIGTERM or SIGINT. Exit code 0 after those, 1 when it cannot start. */
export async function serve(): Promise<void> {
  let app: RunningApp;
  try {
    app = await startApp(readConfig(), process.stdout.isTTY ? { logTo: await terminalDestination() } : {});
  } catch (error) {
    const { message, stack } = error as Error;
    const isOurs = error instanceof ConfigError || message.startsWith("Cannot ");
    process.stderr.write(`${isOurs ? message : stack}\n`);
    process.exitCode = 1;
    return;
  }

  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    try {
      await app.close();
      process.exit(0);
    } catch (error) {
      process.stderr.write(`${(error as Error).stack}\n`);
      process.exit(1);
    }
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}
