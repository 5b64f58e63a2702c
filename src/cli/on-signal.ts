import { inspect } from "node:util";
import { withoutShapes } from "../observe/secrets.ts";

/** How soon this process notices that its parent has ended, ms. */
const LOOK_EVERY_MS = 500;

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Closes once, at the first SIGTERM or SIGINT. Exits with 0, or with 1 if closing failed. */
export function onSignal(close: () => Promise<void>): { forget(): void; alsoWithoutParent(): void } {
  const forget = () => {
    for (const signal of SIGNALS) process.removeListener(signal, stop);
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
  for (const signal of SIGNALS) process.on(signal, stop);
  return {
    forget,
    // `npx` runs a program in a shell and sends signals only to the shell, which ends without passing them on.
    alsoWithoutParent() {
      const parent = process.ppid;
      const looking = setInterval(() => {
        if (process.ppid === parent) return;
        clearInterval(looking);
        void stop();
      }, LOOK_EVERY_MS);
      // This timer must not keep the process running.
      looking.unref();
    },
  };
}

/**
 * Aborts at the first SIGINT or SIGTERM, with an error that names the signal and the outcome. A second signal
 * immediately ends the process.
 */
export function stopSignal(what: string, outcome: string): AbortSignal {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    for (const each of SIGNALS) process.removeListener(each, stop);
    controller.abort(new Error(`Cannot ${what}: it was stopped by ${name}. ${outcome}`));
  };
  for (const each of SIGNALS) process.on(each, stop);
  return controller.signal;
}
