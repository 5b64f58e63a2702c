import { forSlack } from "../model/chat.ts";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import type { Fetch } from "../model/network.ts";
import { type NoticeKind, type NoticeTarget, type NoticeTargets, onePerAddress } from "../model/notices.ts";
import type { Cause, Outage } from "../model/outage.ts";
import type { Late } from "../model/overview.ts";
import type { Run } from "../model/run.ts";
import type { Secrets } from "../model/secrets.ts";
import { type SinceSuccess, sinceSuccess } from "../model/since-success.ts";
import type { End, RunStore } from "../model/store.ts";
import { oneLine } from "../model/visible.ts";
import { type Message, noticeOf, posted } from "./notice-text.ts";
import { type OutageFacts, outageNotice, outageOverNotice } from "./outage-notices.ts";
import { openWebhook } from "./webhook.ts";

/** One notice per workflow, lane and receiver in this time, ms. */
const QUIET_MS = 10 * 60_000;

/** After this time it is known whether there is an outage, ms. */
const UNSURE_MS = 3 * 60_000;

/**
 * Each lane has a separate quiet time: a success does not delay a failure, and neither delays a run that waits for a person.
 */
const LANES = { failure: "result", recovery: "result", success: "success", waiting: "waiting" } as const;

type Held = { readonly event: NoticeKind; readonly run: Run };
type Quiet = { readonly heldBack: number; readonly latest?: Held };

type Parts = {
  /** The current receivers. */
  readonly targets: () => NoticeTargets;
  readonly fetch: Fetch;
  readonly store: Pick<RunStore, "endBefore" | "get" | "lastSuccess">;
  readonly secrets: Pick<Secrets, "scrub" | "brief">;
  readonly log: Log;
  readonly clock: Clock;
  readonly noticed: (result: "sent" | "held_back" | "failed") => void;
  /** Why a run failed after its retries. */
  readonly causeOf: (run: Pick<Run, "startedAt" | "endedAt">) => Promise<Cause>;
  readonly facts: OutageFacts;
};

/**
 * Notifies webhooks when a run failed permanently and when its group recovered. If a workflow asks for it, also when a
 * run succeeded or began to wait. After a notice, its lane is quiet for ten minutes. Then the latest notice is sent,
 * with the number of those that were left out. For an outage of GitHub, each receiver gets one notice at its beginning
 * and one at its end, instead of one per failed run. An error here never affects a run.
 */
export function openNotices({ targets, fetch, store, secrets, log, clock, noticed, causeOf, facts }: Parts) {
  const { scrub, brief } = secrets;
  /** By address: several workflows with the same address share a receiver. */
  const webhooks = new Map<string, ReturnType<typeof openWebhook>>();
  const quiet = new Map<string, Quiet>();
  const alarms = new Set<() => void>();
  let closed = false;

  function post(target: NoticeTarget, message: () => Promise<Message>): void {
    if (closed) return;
    const { url, format } = target;
    const webhook = webhooks.get(url) ?? openWebhook(target, { fetch, log, clock, noticed });
    webhooks.set(url, webhook);
    webhook.post(async () => posted(await message(), format, brief));
  }

  function later(ms: number, then: () => void): void {
    const cancel = clock.alarm(clock.now() + ms, () => {
      alarms.delete(cancel);
      then();
    });
    alarms.add(cancel);
  }

  function send(target: NoticeTarget, lane: string, { event, run }: Held, heldBack: number): void {
    if (closed) return;
    quiet.set(lane, { heldBack: 0 });
    later(QUIET_MS, () => {
      const { latest, heldBack: count = 0 } = quiet.get(lane) ?? {};
      quiet.delete(lane);
      // This one of the delayed notices is sent now.
      if (latest) send(target, lane, latest, count - 1);
    });
    const { publicUrl } = facts;
    post(target, async () => {
      const since = event === "failure" ? await sinceLastSuccess(run).catch(() => undefined) : undefined;
      return noticeOf(event, run, { scrub, publicUrl, heldBack, since });
    });
  }

  function notify(event: NoticeKind, run: Run, to: readonly NoticeTarget[]): void {
    for (const target of onePerAddress(to)) {
      const lane = `${LANES[event]} ${run.workflow} ${target.url}`;
      const known = quiet.get(lane);
      if (known) {
        quiet.set(lane, { heldBack: known.heldBack + 1, latest: { event, run } });
        noticed("held_back");
      } else send(target, lane, { event, run }, 0);
    }
  }

  /**
   * Leaves out a failure that an outage explains, because the outage's summary has it. Delays it while that is unknown.
   */
  async function failed(run: Run, to: readonly NoticeTarget[], mayHold = true): Promise<void> {
    const cause = run.kind === "transient" ? await causeOf(run).catch(() => "other") : "other";
    if (cause === "other" || (cause === "unsure" && !mayHold)) return notify("failure", run, to);
    if (mayHold) noticed("held_back");
    if (cause === "outage" || closed) return;
    later(UNSURE_MS, () => void failed(run, to, false).catch(report));
  }

  /** If so, the failure had no notice. */
  const isOfOutage = async ({ kind, endedAt }: End) =>
    kind === "transient" && (await causeOf({ startedAt: endedAt, endedAt })) === "outage";

  const report = (error: unknown) => log.error({ err: error }, "internal error while sending a notice");

  /** Reads the store, because another process may have settled the failure. Nothing is remembered here. */
  async function isRecovery(run: Run): Promise<boolean> {
    const before = await store.endBefore(run);
    return before?.status === "failure" && !(await isOfOutage(before));
  }

  /** If the store cannot be read, the notice is sent without it. */
  async function sinceLastSuccess(run: Run): Promise<SinceSuccess | undefined> {
    const last = await store.lastSuccess(run);
    return last && sinceSuccess(run, last, (await store.get(run.id))?.steps);
  }

  /** Whether the attempt began a new wait, and did not only continue one. */
  async function beginsToWait({ id, attempts }: Run): Promise<boolean> {
    const { steps = [] } = (await store.get(id)) ?? {};
    return steps.some(({ kind, attempt, endedAt }) => kind !== "step" && attempt === attempts && endedAt === undefined);
  }

  async function settled(run: Run, to: readonly NoticeTarget[]): Promise<void> {
    const wanting = (event: NoticeKind) => to.filter(({ on }) => on.includes(event));
    if (run.status === "failure" && wanting("failure").length > 0) return failed(run, wanting("failure"));
    if (run.status === "success") {
      const recovered = wanting("recovery").length > 0 && (await isRecovery(run)) ? wanting("recovery") : [];
      notify("recovery", run, recovered);
      notify(
        "success",
        run,
        wanting("success").filter((target) => !recovered.includes(target)),
      );
    }
    if (run.status === "waiting" && wanting("waiting").length > 0 && (await beginsToWait(run)))
      notify("waiting", run, wanting("waiting"));
  }

  /** Sends once per receiver, even if several workflows share it. */
  function announce(title: string, notice: { readonly text: string; readonly url?: string }): void {
    const { publicUrl } = facts;
    const links = publicUrl === undefined ? [] : [{ title: "Open the runs", url: notice.url ?? publicUrl }];
    const json = { ...notice, text: forSlack(notice.text) };
    // The card has the address as a link.
    const text = notice.url === undefined ? notice.text : notice.text.replace(` ${notice.url}`, "");
    const message = { json, card: { title, lines: [text], links } };
    for (const target of targets().failures) post(target, async () => message);
  }

  return {
    observer: {
      settled(run: Run) {
        const to = targets().of(run.workflow);
        // The usual case must cost almost nothing.
        if (to.length > 0) settled(run, to).catch(report);
      },
    },
    outage: {
      begun: (outage: Outage) =>
        announce("GitHub fails most requests", outageNotice({ ...outage, fault: oneLine(scrub(outage.fault)) }, facts)),
      over: (outage: Outage & { readonly until: number }, late: Late) =>
        announce("GitHub works again", outageOverNotice(outage, late, facts)),
    },
    async close() {
      closed = true;
      for (const cancel of alarms) cancel();
      await Promise.all([...webhooks.values()].map((webhook) => webhook.close()));
    },
  };
}
