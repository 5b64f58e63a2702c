/** `setTimeout` fires immediately for longer times. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Carries out what is due: on request, and with the system's clock also automatically. Its timer does not keep the
 * process running.
 * @param next when something is due next, epoch milliseconds.
 */
export function timekeeper({
  now,
  isSystemClock,
  next,
  happen,
}: {
  now: () => number;
  isSystemClock: boolean;
  next: () => number | undefined;
  happen: () => Promise<void>;
}) {
  let timer: NodeJS.Timeout | undefined;
  let armedFor = Number.POSITIVE_INFINITY;
  let happening = Promise.resolve();
  let isClosed = false;

  /** Carries out one thing after the other. Resolves when nothing is due any more. */
  function settle(): Promise<void> {
    happening = happening.then(async () => {
      for (let at = next(); at !== undefined && at <= now() && !isClosed; at = next()) await happen();
    });
    return happening;
  }

  /** Call it after something was planned. */
  function planned(): void {
    const at = next();
    if (!isSystemClock || isClosed || at === undefined || at >= armedFor) return;
    clearTimeout(timer);
    armedFor = at;
    timer = setTimeout(
      async () => {
        armedFor = Number.POSITIVE_INFINITY;
        await settle();
        planned();
      },
      Math.min(Math.max(0, at - now()), MAX_TIMEOUT_MS),
    ).unref();
  }

  return {
    settle,
    planned,
    close(): void {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
