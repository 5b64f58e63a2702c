import type { OpenIncidents } from "../github/github-status.ts";
import type { Clock } from "../model/clock.ts";

/** Interval at which GitHub's status page is read, while someone looks at the service's page. */
const ASKED_EVERY_MS = 120_000;

/**
 * The names of GitHub's open incidents at the last read. The read happens in the background, so no page waits for
 * GitHub.
 * @param open undefined if there is no status page, such as for GitHub Enterprise Server.
 */
export function knownIncidents(
  open: OpenIncidents | undefined,
  clock: Pick<Clock, "monotonic">,
): () => readonly string[] {
  let known: readonly string[] = [];
  let askedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = clock.monotonic();
    if (open && now - askedAt >= ASKED_EVERY_MS) {
      askedAt = now;
      void open().then((found) => {
        known = found;
      });
    }
    return known;
  };
}
