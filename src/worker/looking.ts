import type { ActionsRuns } from "../model/actions-runs.ts";
import { type Clock, pause } from "../model/clock.ts";
import type { Attempting } from "./attempting.ts";
import type { Names } from "./names.ts";
import type { Suspending } from "./suspending.ts";

/** What a search for Actions runs needs. */
export type LookingParts = {
  readonly actions: ActionsRuns;
  readonly clock: Clock;
  readonly attempting: Attempting;
  readonly names: Names;
  /** Opened when a workflow first waits. */
  readonly suspending: () => Suspending;
};

const FIRST_MS = 5000;
const LONGEST_MS = 60_000;

/** The time until the next look, ms. It grows with the time already waited. Webhooks and the watch may come earlier. */
export function growing({ now }: Clock, before: { readonly startedAt: number } | undefined): number {
  const elapsed = before ? now() - before.startedAt : 0;
  return Math.min(Math.max(FIRST_MS, 2 * elapsed), LONGEST_MS);
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 16_000;

/** For an attempt that cannot end to wait: looks for this many milliseconds within the attempt, but at least once. */
export async function lookingUntil<Found>(
  { clock, attempting }: Pick<LookingParts, "clock" | "attempting">,
  milliseconds: number,
  look: () => Promise<Found | undefined>,
): Promise<Found | undefined> {
  const end = clock.monotonic() + milliseconds;
  for (let ms = FIRST_PAUSE_MS; ; ms = Math.min(2 * ms, LONGEST_PAUSE_MS)) {
    const found = await look();
    if (found !== undefined || clock.monotonic() + ms > end) return found;
    await pause(clock, ms, attempting.signal);
    attempting.begin("another look");
  }
}
