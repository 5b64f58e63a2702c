import type { Run } from "../src/model/run.ts";
import type { RunningApp } from "../src/service/app.ts";
import type { StandInGitHub } from "./github.ts";
import type { SkippingClock } from "./skipping-clock.ts";

/**
 * Lets time pass, from one event to the next: an attempt of the run is due, or a run of GitHub Actions changes in the
 * stand-in, which wakes its followers. It ends early if the run has ended. The attempts take additional time.
 * Consecutive waits end when their lengths have passed.
 * @param look resolves with the run when none of its work is in progress or due.
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
  /** As the webhooks of all changed runs do. */
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
