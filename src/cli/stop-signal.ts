const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * Aborts at the first SIGINT or SIGTERM, with an error that says so and what it means; a second one ends the process at
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
