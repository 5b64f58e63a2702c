import { DOCUMENTED_LIMITS, type Limits } from "../../sandbox/limits.ts";

/** With a larger scale, the minute is so short that a busy machine makes runs wait twice. */
const SCALE = 12;

/** GitHub's minute in tests that wait for it, ms: five seconds. */
export const MINUTE_MS = 60_000 / SCALE;

/** GitHub's documented limits with this minute, for the stand-in. */
export const ENFORCED: Limits = { ...DOCUMENTED_LIMITS, scale: SCALE };

/** The same as a value of `GITHUB_LIMITS`. */
export const WINDOWS = `points=900/${MINUTE_MS / 1000}s,writes=80/${MINUTE_MS / 1000}s,writes=500/${(60 * MINUTE_MS) / 1000}s`;
