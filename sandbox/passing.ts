import type { Run } from "../src/model/run.ts";
import type { RunningApp } from "../src/service/app.ts";
import type { StandInGitHub } from "./github.ts";
import type { SkippingClock } from "./skipping-clock.ts";

/**
 * Lets so much time pass, from one moment to the next at which something happens: an attempt of the run is due, or a run of
 * GitHub Actions changes in the stand-in, which wakes what follows it. Ends early when the run has ended. What the attempts
 * take comes on top: waits that follow on each other end when their lengths have passed.
 * @param look resolves with the run when nothing of it is under way and nothing is due.
 */
export async function letPass(
  milliseconds: number,
  {
    clock,
    github,
    engine: { store, wake },
    look,
  }: {
    readonly clock: SkippingClock;
    readonly github: Pick<StandInGitHub, "actions" | "settle">;
    readonly engine: Pick<RunningApp["engine"], "store" | "wake">;
    readonly look: () => Promise<Pick<Run, "dueAt" | "endedAt">>;
  },
): Promise<void> {
  /** As the webhooks of all that has changed do. */
  async function changed() {
    await github.settle();
    await wake((await store.watched()).map(({ key }) => key));
    return look();
  }

  let left = milliseconds;
  let run = await changed();
  while (run.endedAt === undefined) {
    const change = github.actions.next() ?? Number.POSITIVE_INFINITY;
    const due = run.dueAt ?? Number.POSITIVE_INFINITY;
    const ahead = Math.max(0, Math.min(change, due) - clock.now());
    if (ahead > left) break;
    left -= ahead;
    clock.skip(ahead);
    run = change <= due ? await changed() : await look();
  }
  clock.skip(left);
}
