import type { Clock } from "../../model/clock.ts";
import type { AccountLimits, SharedLimits } from "../../model/limits.ts";
import type { Gates } from "./gates.ts";

/** What could not be recalled is recalled again after so long, ms. */
const RECALL_AGAIN_MS = 1000;

/**
 * Makes the gates silent when GitHub tells another process of the deployment to be. Resolves, once they know what was
 * told before, with how to end it.
 */
export async function hearOthers(
  shared: Pick<SharedLimits, "hear">,
  { gates, recall, clock }: { gates: Gates; recall: () => Promise<readonly AccountLimits[]>; clock: Clock },
): Promise<() => void> {
  let cancelAlarm = () => {};
  let stopped = false;
  const learn = async () => {
    for (const { account, pause } of await recall()) if (pause) gates.of(account).hear(pause);
  };
  const makeUp = () => {
    cancelAlarm();
    learn().catch(() => {
      if (stopped) return;
      cancelAlarm = clock.alarm(clock.now() + RECALL_AGAIN_MS, makeUp);
    });
  };
  const stop = shared.hear((news) => {
    if ("missed" in news) makeUp();
    else gates.of(news.account).hear(news.pause, { isOver: news.isOver });
  });
  await learn();
  return () => {
    stopped = true;
    stop();
    cancelAlarm();
  };
}
