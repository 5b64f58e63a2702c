import { CommandError } from "./command-error.ts";
import type { Progress } from "./progress.ts";

/** Often enough for somebody who watches, seldom enough for the service. */
const POLL_MS = 1000;

/**
 * Looks again and again until `look` says that it is done. A service that does not answer for a while is waited for,
 * once it has answered at all; what it refuses is thrown.
 */
export async function poll(
  look: () => Promise<"done" | "again">,
  { waiting, progress }: { waiting: (seconds: number) => string; progress: Progress },
): Promise<void> {
  const started = Date.now();
  let answered = false;
  for (;;) {
    let state = waiting(Math.round((Date.now() - started) / 1000));
    try {
      if ((await look()) === "done") return;
      answered = true;
    } catch (error) {
      const mayPass = error instanceof CommandError && (error.status === undefined || error.status >= 500);
      if (!answered || !mayPass) throw error;
      state = error.message;
    }
    progress.show(state);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    progress.clear();
  }
}
