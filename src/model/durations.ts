/** The median and the 95th percentile of how long something took, ms, and of how many that is known. */
export type Durations = { readonly p50: number; readonly p95: number; readonly runs: number };

/** Each is one of the durations: the least that so large a share does not exceed. Undefined when there are none. */
export function durationsOf(ms: readonly number[]): Durations | undefined {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] as number;
  return sorted.length > 0 ? { p50: at(0.5), p95: at(0.95), runs: sorted.length } : undefined;
}
