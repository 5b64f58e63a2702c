/** Time as an argument: the service uses the system's clock, and tests move theirs. */
export type Clock = {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds since some moment. It cannot be set, so it measures leases and durations. */
  monotonic(): number;
  /**
   * Calls `ring` once at this time (epoch milliseconds), or immediately if it has passed. The process stays up until
   * then: cancel your alarms when you stop. Returns a function that cancels it.
   */
  alarm(at: number, ring: () => void): () => void;
};

/** `setTimeout` fires immediately for a longer time. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: Date.now,
  // `performance.now()` would make Node load perf_hooks: 2 ms of CPU at the start.
  monotonic: () => process.uptime() * 1000,
  alarm(at, ring) {
    const timer = setTimeout(ring, Math.min(Math.max(0, at - Date.now()), MAX_TIMEOUT_MS));
    return () => clearTimeout(timer);
  },
};

/** Waits for this many milliseconds, or until the signal aborts. */
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
