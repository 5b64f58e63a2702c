/** Time as an argument: the service takes the system's, tests move their own. */
export type Clock = {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds since some moment. Nobody can set it: leases and lengths of time are measured with it. */
  monotonic(): number;
  /**
   * Calls back once at that time (epoch milliseconds), or as soon as it has passed. The process stays up until then:
   * cancel what you have set when you stop. Returns how to cancel it.
   */
  alarm(at: number, ring: () => void): () => void;
};

/** `setTimeout` fires at once for anything longer. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: Date.now,
  // Not `performance.now()`: for it Node loads perf_hooks, 2 ms of CPU at the start.
  monotonic: () => process.uptime() * 1000,
  alarm(at, ring) {
    const timer = setTimeout(ring, Math.min(Math.max(0, at - Date.now()), MAX_TIMEOUT_MS));
    return () => clearTimeout(timer);
  },
};

/** Waits for so many milliseconds, or until the signal is aborted. */
export async function pause(
  clock: Pick<Clock, "now" | "alarm">,
  milliseconds: number,
  signal?: AbortSignal,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.alarm(clock.now() + milliseconds, resolve);
  const end = () => resolve();
  signal?.addEventListener("abort", end);
  if (signal?.aborted) resolve();
  await promise;
  signal?.removeEventListener("abort", end);
  cancel();
}
