/** The median and the 95th percentile of durations, ms, and the number of runs with a known duration. */
export type Durations = { readonly p50: number; readonly p95: number; readonly runs: number };

/** Each result is one of the durations: the lowest that this share does not exceed. Undefined if there are none. */
export function durationsOf(ms: readonly number[]): Durations | undefined {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] as number;
  return sorted.length > 0 ? { p50: at(0.5), p95: at(0.95), runs: sorted.length } : undefined;
}
