import { type Delivery, type DeliveryLog, nameOf, openDeliveryLog } from "../github/deliveries.ts";
import { isCloud } from "../github/limits/limits.ts";
import type { NotedEvents } from "../http/noted-events.ts";

import { MAX_PAYLOAD_BYTES, takeIn } from "../http/triggers/github.ts";
import { isFailure } from "../model/failure.ts";
import { mayWant } from "../model/github-trigger.ts";
import type { Json } from "../model/run.ts";
import { type RunStore, StoreUnavailable } from "../model/store.ts";
import { gitHubEntries } from "../model/triggers.ts";
import type { WebhookEvent } from "../model/webhooks.ts";
import { GITHUB_WEBHOOK_PATH } from "../model/webhooks.ts";
import { groupOf, orderOf, type Workflow } from "../model/workflow.ts";
import { type CaughtUp, catchUp } from "./catch-up.ts";
import type { Engine } from "./engine.ts";
import type { Ground } from "./ground.ts";

/** Asks GitHub as soon as possible. Rejects if it must wait for long. */
export type Patiently = <T>(ask: () => Promise<T>) => Promise<T>;

/** A problem that a person must fix is checked again after this time, ms. */
const PERMANENT_MS = 3_600_000;

/** A delivery that fails this many rounds, an hour, is left out so that others can be read. */
const MAX_STUCK = 12;

/** The actor of the runs. */
const ACTOR = "GitHub webhook, from the delivery log";

/** The name of the mark with the progress in an owner's log. */
export function markOf(owner: string): string {
  return `missed webhooks of ${owner.toLowerCase()}`;
}

const DAY_MS = 86_400_000;

/** How long GitHub keeps deliveries, ms. */
export function keptMs(apiUrl: string): number {
  return (isCloud(new URL(apiUrl).host) ? 3 : 7) * DAY_MS;
}

/** The unanswered deliveries of an owner's webhook. */
export function openSource(
  owner: string,
  {
    ground,
    engine,
    isNamed,
    patiently,
    ignored,
  }: {
    ground: Ground;
    engine: Engine;
    isNamed: boolean;
    patiently: Patiently;
    /** Notes a delivery that starts no run. */
    ignored: NotedEvents["ignored"];
  },
) {
  const { config, loaded, log, clock } = ground;
  const { gitHub, store, metrics, accept, wakeByEvent: wake } = engine;
  const { workflows } = loaded.current;
  const { apiUrl } = config.github;
  const of = nameOf(owner);
  let opened: DeliveryLog | undefined;
  let isTroubled = false;
  /** Not before this time by the monotonic clock. */
  let notBefore = Number.NEGATIVE_INFINITY;
  /** The delivery that ended the latest rounds. */
  let stuck = { guid: "", times: 0 };

  async function open(): Promise<DeliveryLog> {
    const { targetRepo, deploymentRepo } = config.workflows;
    const github = { ...gitHub.inspection, apiUrl, repositories: [targetRepo, deploymentRepo] };
    const wanted = { publicUrl: config.http.publicUrl, path: GITHUB_WEBHOOK_PATH, isNamed };
    const its = await patiently(() => openDeliveryLog(github, owner, wanted, MAX_PAYLOAD_BYTES));
    return {
      page: (cursor) => patiently(() => its.page(cursor)),
      payload: (delivery) => patiently(() => its.payload(delivery)),
    };
  }

  async function takeInLate(delivery: Delivery, isNewer: (guid: string) => Promise<boolean>): Promise<boolean> {
    const { guid, event: name, action } = delivery;
    const read = await readOrLeave(delivery);
    if ("lacking" in read) {
      metrics.inbound.missedWebhook("left_out");
      ignored({
        ...{ source: "github", event: action === undefined ? name : `${name}.${action}`, delivery: guid, woken: 0 },
        ...{ answer: `This delivery was missed, and is left out: ${read.lacking}`, reasons: [] },
      });
      log.warn({ delivery: guid, event: name, reason: read.lacking }, "a missed webhook delivery is left out");
      return false;
    }
    const event = { name, delivery: guid, payload: read.payload } as unknown as WebhookEvent;
    const isOutdated = async (workflow: Workflow) => {
      const before = await latestDelivery(store, workflow, event);
      return before !== undefined && isNewer(before);
    };
    const { runs, isNew, threw } = await takeIn(event, ACTOR, { workflows, accept, wake, isOutdated, ignored });
    if (threw.length > 0) {
      const facts = { delivery: guid, event: name, threw };
      log.error(facts, "workflows threw an error for a missed webhook delivery: fix them, then redeliver it");
    }
    if (isNew) metrics.inbound.missedWebhook("taken_in");
    else if (runs.length === 0) metrics.inbound.missedWebhook(threw.length > 0 ? "left_out" : "not_wanted");
    return isNew;
  }

  /** A delivery that GitHub does not show for an hour must not block the others. */
  async function readOrLeave(delivery: Delivery): ReturnType<DeliveryLog["payload"]> {
    const { guid } = delivery;
    try {
      return await (opened as DeliveryLog).payload(delivery);
    } catch (error) {
      if (!isFailure(error) || error.kind !== "transient") throw error;
      stuck = { guid, times: stuck.guid === guid ? stuck.times + 1 : 1 };
      if (stuck.times < MAX_STUCK) throw error;
      return { lacking: error.facts.happened };
    }
  }

  async function round(): Promise<boolean> {
    opened ??= await open();
    let count = 0;
    let since = 0;
    try {
      const caughtUp = await catchUp(markOf(owner), {
        ...{ log: opened, store, clock, keptMs: keptMs(apiUrl) },
        wants: (name, action) =>
          workflows.some(({ on }) => gitHubEntries(on).some((entry) => mayWant(entry, name, action))),
        async takeIn(delivery, isNewer) {
          if ((await takeInLate(delivery, isNewer)) && count++ === 0) since = delivery.at;
        },
      });
      report(caughtUp);
      return caughtUp.hasMore;
    } finally {
      if (count > 0) reportTaken(count, new Date(since).toISOString());
    }
  }

  function reportTaken(count: number, since: string): void {
    const what = count === 1 ? "1 webhook delivery that was" : `${count} webhook deliveries that were`;
    log.info({ of, count, since }, `accepted ${what} missed since ${since}`);
  }

  function report({ since, isLate }: CaughtUp): void {
    if (isTroubled) log.info({ of }, "missed webhook deliveries can be read again");
    isTroubled = false;
    if (since === undefined) {
      log.info({ of }, "from now on, missed webhook deliveries are read from GitHub's delivery log");
    } else if (isLate) {
      const facts = { of, since: new Date(since).toISOString() };
      log.warn(
        facts,
        "GitHub no longer keeps all webhook deliveries since the last check: start by hand what was missed",
      );
    }
  }

  return {
    /** Resolves with whether there is more to do immediately. */
    async look(signal: AbortSignal): Promise<boolean> {
      if (clock.monotonic() < notBefore) return false;
      try {
        return await round();
      } catch (error) {
        if (signal.aborted || error instanceof StoreUnavailable) return false;
        if (!isFailure(error)) {
          log.error({ of, err: error }, "missed webhook deliveries cannot be read: internal error");
          return false;
        }
        if (error.kind === "permanent") {
          opened = undefined;
          notBefore = clock.monotonic() + PERMANENT_MS;
        }
        const level = isNamed || error.kind !== "permanent" ? "warn" : "info";
        if (!isTroubled) log[level]({ of, reason: error.message }, "missed webhook deliveries cannot be read");
        isTroubled = true;
        return false;
      }
    },
  };
}

/** The delivery that started the newest run of an event's group; undefined if the order does not matter. */
async function latestDelivery(
  store: Pick<RunStore, "list" | "get">,
  workflow: Workflow,
  event: WebhookEvent,
): Promise<string | undefined> {
  const group = groupOf(workflow, { trigger: "github", input: event as unknown as Json });
  if (group === undefined || orderOf(workflow)?.queue === "all") return undefined;
  const { runs } = await store.list({ workflow: workflow.name, group }, { limit: 1 });
  const newest = runs[0] && (await store.get(runs[0].id))?.run;
  const { delivery } = (newest?.trigger === "github" ? newest.input : {}) as { delivery?: unknown };
  return typeof delivery === "string" ? delivery : undefined;
}
