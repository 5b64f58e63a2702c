import { forSlack } from "../model/chat.ts";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import type { Fetch } from "../model/network.ts";
import type { Cause, Outage } from "../model/outage.ts";
import type { Late } from "../model/overview.ts";
import type { Run } from "../model/run.ts";
import type { End, RunStore } from "../model/store.ts";
import { oneLine } from "../model/visible.ts";
import { type OutageFacts, outageNotice, outageOverNotice } from "./outage-notices.ts";
import { openWebhook } from "./webhook.ts";

/** What is posted, as JSON. `text` is all that Slack reads of it. */
type Notice = {
  readonly text: string;
  readonly event: "failure" | "recovery";
  readonly workflow: string;
  readonly group: string | undefined;
  readonly run: string;
  readonly attempts: number;
  readonly reason: string | undefined;
  /** RFC 3339. */
  readonly endedAt: string;
};

/** At most one notice of a workflow in this time, ms. */
const QUIET_MS = 10 * 60_000;

/** By then it is known whether there is an outage, ms. */
const UNSURE_MS = 3 * 60_000;

type Quiet = { readonly heldBack: number; readonly latest?: Notice };

/**
 * Notifies a webhook when a run has failed for good, and when its group has recovered. Of what happens within ten minutes
 * after a notice, the latest is posted at their end, with the number of those left out. Of an outage of GitHub there is one
 * notice when it begins, and one when it is over, instead of one for each run that fails because of it. Nothing here can
 * disturb a run.
 */
export function openNotices({
  url,
  fetch,
  store,
  scrub,
  log,
  clock,
  noticed,
  causeOf,
  facts,
}: {
  /** A secret: anyone who knows it can post there. */
  readonly url: string;
  readonly fetch: Fetch;
  readonly store: Pick<RunStore, "endBefore">;
  readonly scrub: (text: string) => string;
  readonly log: Log;
  readonly clock: Clock;
  readonly noticed: (result: "sent" | "held_back" | "failed") => void;
  /** Why a run has failed that was tried again before. */
  readonly causeOf: (run: Pick<Run, "startedAt" | "endedAt">) => Promise<Cause>;
  readonly facts: OutageFacts;
}) {
  const webhook = openWebhook(url, { fetch, log, clock, noticed });
  const quiet = new Map<string, Quiet>();
  const alarms = new Set<() => void>();
  let closed = false;

  function send(notice: Notice, heldBack: number): void {
    const { workflow } = notice;
    if (closed) return;
    quiet.set(workflow, { heldBack: 0 });
    const cancel = clock.alarm(clock.now() + QUIET_MS, () => {
      alarms.delete(cancel);
      const { latest, heldBack: count = 0 } = quiet.get(workflow) ?? {};
      quiet.delete(workflow);
      // One of those that were held back is posted now.
      if (latest) send(latest, count - 1);
    });
    alarms.add(cancel);
    webhook.post({
      ...notice,
      heldBack,
      text: heldBack > 0 ? `${notice.text}\n${heldBack} more held back.` : notice.text,
    });
  }

  function notify(notice: Notice): void {
    const known = quiet.get(notice.workflow);
    if (known) {
      quiet.set(notice.workflow, { heldBack: known.heldBack + 1, latest: notice });
      noticed("held_back");
    } else send(notice, 0);
  }

  /** A failure that an outage explains is in its summary. One that may be is held until that is known. */
  async function failed(run: Run, mayHold = true): Promise<void> {
    const cause = run.kind === "transient" ? await causeOf(run).catch(() => "other") : "other";
    if (cause === "other" || (cause === "unsure" && !mayHold)) return notify(noticeOf("failure", run, scrub));
    if (mayHold) noticed("held_back");
    if (cause === "outage" || closed) return;
    const cancel = clock.alarm(clock.now() + UNSURE_MS, () => {
      alarms.delete(cancel);
      failed(run, false).catch(report);
    });
    alarms.add(cancel);
  }

  /** Then there was no notice of the failure. */
  const isOfOutage = async ({ kind, endedAt }: End) =>
    kind === "transient" && (await causeOf({ startedAt: endedAt, endedAt })) === "outage";

  const report = (error: unknown) => log.error({ err: error }, "a notice met an internal error");

  async function settled(run: Run): Promise<void> {
    if (run.status === "failure") return failed(run);
    if (run.status !== "success") return;
    // The store knows, whichever process the failure was settled by, and when. Nothing is remembered here.
    const before = await store.endBefore(run);
    if (before?.status !== "failure" || (await isOfOutage(before))) return;
    notify(noticeOf("recovery", run, scrub));
  }

  function announce(notice: { readonly text: string }): void {
    if (!closed) webhook.post({ ...notice, text: forSlack(notice.text) });
  }

  return {
    observer: {
      settled(run: Run) {
        settled(run).catch(report);
      },
    },
    outage: {
      begun: (outage: Outage) => announce(outageNotice({ ...outage, fault: oneLine(scrub(outage.fault)) }, facts)),
      over: (outage: Outage & { readonly until: number }, late: Late) =>
        announce(outageOverNotice(outage, late, facts)),
    },
    async close() {
      closed = true;
      for (const cancel of alarms) cancel();
      await webhook.close();
    },
  };
}

const MAX_GROUP_CHARACTERS = 253;
const MAX_REASON_CHARACTERS = 1000;

function noticeOf(event: Notice["event"], run: Run, scrub: (text: string) => string): Notice {
  const { id, workflow, attempts } = run;
  const brief = (text: string | undefined, most: number) =>
    text === undefined ? undefined : oneLine(scrub(text)).slice(0, most);
  const group = brief(run.group, MAX_GROUP_CHARACTERS);
  const reason = brief(run.reason, MAX_REASON_CHARACTERS);
  const subject = `${workflow}${group === undefined ? "" : ` for ${group}`}`;
  const said = event === "failure" ? `failed: ${reason ?? "no reason is known."}` : "succeeded again.";
  return {
    text: forSlack(`${subject} ${said} (run ${id})`),
    event,
    workflow,
    group,
    run: id,
    attempts,
    reason,
    endedAt: new Date(run.endedAt ?? 0).toISOString(),
  };
}
