import type { Clock } from "../../model/clock.ts";
import type { Fetch } from "../../model/network.ts";
import type { Observer } from "../../model/observer.ts";
import type { Run } from "../../model/run.ts";
import type { RunStore } from "../../model/store.ts";
import type { Log } from "../log.ts";
import { type Notice, noticeOf } from "./notice.ts";
import { poster } from "./post.ts";

export type NoticesNeeds = {
  /** A secret: whoever knows it can post there. */
  readonly url: string;
  readonly fetch: Fetch;
  readonly store: Pick<RunStore, "endBefore">;
  readonly scrub: (text: string) => string;
  readonly log: Log;
  readonly clock: Clock;
  readonly told: (result: "sent" | "held_back" | "failed") => void;
};

/** At most one notice of a workflow in this time, ms. */
const QUIET_MS = 10 * 60_000;

type Quiet = { heldBack: number; latest: Notice | undefined };

/**
 * Tells a webhook when a run has failed for good, and when its group has recovered. Of what happens within ten minutes
 * after a notice, the latest is told at their end, with how many were held back. Nothing here can disturb a run.
 */
export function openNotices({ url, fetch, store, scrub, log, clock, told }: NoticesNeeds): {
  readonly observer: Pick<Observer, "settled">;
  close(): Promise<void>;
} {
  const { post, close } = poster({ url, fetch, log, clock, told });
  const quiet = new Map<string, Quiet>();
  const alarms = new Set<() => void>();
  let closed = false;

  function send(notice: Notice, heldBack: number): void {
    const { workflow } = notice;
    if (closed) return;
    quiet.set(workflow, { heldBack: 0, latest: undefined });
    const cancel = clock.alarm(clock.now() + QUIET_MS, () => {
      alarms.delete(cancel);
      const { latest, heldBack: count } = quiet.get(workflow) as Quiet;
      quiet.delete(workflow);
      // One of those that were held back is told now.
      if (latest) send(latest, count - 1);
    });
    alarms.add(cancel);
    post({ ...notice, heldBack, text: heldBack > 0 ? `${notice.text}\n${heldBack} more held back.` : notice.text });
  }

  function notify(notice: Notice): void {
    const known = quiet.get(notice.workflow);
    if (known) {
      quiet.set(notice.workflow, { heldBack: known.heldBack + 1, latest: notice });
      told("held_back");
    } else send(notice, 0);
  }

  async function settled(run: Run): Promise<void> {
    if (run.status === "failure") notify(noticeOf("failure", run, scrub));
    // The store knows, whichever process the failure was settled by, and when. Nothing is remembered here.
    if (run.status === "success" && (await store.endBefore(run)) === "failure") {
      notify(noticeOf("recovery", run, scrub));
    }
  }

  return {
    observer: {
      settled(run) {
        settled(run).catch((error) => log.error({ err: error }, "a notice met an error of the service's own"));
      },
    },
    async close() {
      closed = true;
      for (const cancel of alarms) cancel();
      await close();
    },
  };
}
