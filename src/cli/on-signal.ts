import { inspect } from "node:util";
import { withoutShapes } from "../observe/secrets.ts";

/** How soon the end of the parent is noticed, ms. */
const LOOK_EVERY_MS = 500;

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Closes once, at the first SIGTERM or SIGINT, and exits: with 0, or with 1 when closing failed. */
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

/**
 * Aborts at the first SIGINT or SIGTERM, with an error that names the signal and what it means; a second one ends the process at
 * once.
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
