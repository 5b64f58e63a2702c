import type { OpenIncidents } from "../github/github-status.ts";
import type { Clock } from "../model/clock.ts";

/** GitHub's status page is asked that often, while someone looks at the service's page. */
const ASKED_EVERY_MS = 120_000;

/**
 * The names of GitHub's open incidents, as they were known when they were last looked at. They are asked for behind that: no
 * page waits for GitHub's.
 * @param open undefined where there is no status page, such as for GitHub Enterprise Server.
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
