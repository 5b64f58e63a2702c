import { getHeapStatistics } from "node:v8";
import type { Context, Hono } from "hono";
import { isFor } from "../../model/github-trigger.ts";
import type { Json } from "../../model/run.ts";
import { StoreUnavailable } from "../../model/store.ts";
import { gitHubEntries } from "../../model/triggers.ts";
import type { WebhookEvent } from "../../model/webhooks.ts";
import type { Workflow } from "../../model/workflow.ts";
import { type FailedAuthentication, isSignedWith } from "../authorize.ts";
import { jsonObject, readBytes } from "../body.ts";
import { ignored, Rejection } from "../problem.ts";
import type { AcceptEvent } from "./http.ts";

/** What a delivery may start, and how. */
type Intake = {
  readonly workflows: readonly Workflow[];
  readonly accept: AcceptEvent;
  readonly wake: WakeRuns;
  /** Of a delivery that is late: whether a workflow has had a newer event of its group, which this one may not follow. */
  readonly isOutdated?: (workflow: Workflow, event: WebhookEvent) => Promise<boolean>;
};

/** What a delivery has led to. */
type TakenIn = {
  readonly runs: readonly { readonly workflow: string; readonly run: string }[];
  /** Whether one of these is new. A delivery that was there before has its runs already. */
  readonly isNew: boolean;
  /** How many runs that wait look again. */
  readonly woken: number;
  /** Workflows that threw when they were asked about it, each with what it threw. */
  readonly threw: readonly string[];
};

/**
 * Makes a delivery a run of each workflow that wants it, once, and wakes the runs that wait for it. Resolves as soon as
 * all is stored.
 * @param actor who started the runs: `GitHub webhook`.
 * @throws StoreUnavailable; what was stored before is recognised when the delivery is taken in again.
 */
export async function takeIn(
  event: WebhookEvent,
  actor: string,
  { workflows, accept, wake, isOutdated }: Intake,
): Promise<TakenIn> {
  const identity = { source: `delivery ${event.delivery}`, id: event.delivery };
  const started = { trigger: "github", actor, input: event as unknown as Json } as const;
  const runs: TakenIn["runs"][number][] = [];
  let anyNew = false;
  const threw: string[] = [];
  for (const workflow of workflows) {
    try {
      if (!gitHubEntries(workflow.on).some((entry) => isFor(entry, event))) continue;
      if (await isOutdated?.(workflow, event)) continue;
      const { run, isNew } = await accept({ workflow, ...started, event: identity }, { wait: false });
      runs.push({ workflow: workflow.name, run });
      anyNew ||= isNew;
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      threw.push(`${workflow.name} (${error instanceof Error ? error.message : String(error)})`);
    }
  }
  // Last: a run that waits looks by itself, too, and GitHub delivers an event that is lost never again.
  return { runs, isNew: anyNew, woken: await wake(event), threw };
}

export const GITHUB_WEBHOOK_PATH = "/webhooks/github";

/**
 * GitHub sends up to 25 MB, but its usual payload is 30 KB, and a push of 2,048 commits, the most that it lists, 1 MB. What
 * is larger would cost more memory than this service is given: until it is stored a payload takes about ten times its
 * size, and with a heap of 48 MB two of 4.7 MB ended the process.
 */
export const MAX_PAYLOAD_BYTES = Math.min(5_000_000, Math.floor(getHeapStatistics().heap_size_limit / 24));

/** Larger ones are parsed and stored one after the other. */
const LARGE_BYTES = 250_000;

/**
 * Mounts `POST /webhooks/github` for all workflows with the trigger `github`, and for runs that wait for an event. A delivery is answered as soon as it is
 * stored: GitHub waits 10 s, and never delivers again by itself.
 * @see https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
 */
export function mountGitHubWebhooks(
  app: Hono,
  { secrets, failed, ...intake }: Intake & { secrets: readonly string[]; failed: FailedAuthentication },
): void {
  const oneLarge = oneAfterTheOther();
  app.post(GITHUB_WEBHOOK_PATH, async (c) => {
    const bytes = await readBytes(c, MAX_PAYLOAD_BYTES);
    const signature = c.req.header("x-hub-signature-256");
    if (!isSignedWith(secrets, bytes, signature, ["sha256"])) {
      failed(c, signature === undefined ? "none" : "github_signature");
      throw new Rejection(
        401,
        "X-Hub-Signature-256 is not the signature of this body: set the webhook's secret at GitHub and " +
          "GITHUB_WEBHOOK_SECRET to the same text.",
      );
    }
    return bytes.byteLength > LARGE_BYTES ? oneLarge(() => deliver(c, bytes)) : deliver(c, bytes);
  });

  async function deliver(c: Context, bytes: Uint8Array): Promise<Response> {
    const event = receive(c, bytes);
    if (event.name === ("ping" as string)) return c.json({ status: "pong" });
    const { runs, woken, threw } = await takeIn(event, "GitHub webhook", intake);
    if (threw.length > 0) {
      throw new Rejection(
        500,
        `These workflows threw when they were asked about the event: ${threw.join(", ")}. Fix them, then redeliver; workflows that have had it do not get it twice.`,
      );
    }
    if (runs.length > 0) return c.json({ status: "queued", runs, ...(woken > 0 && { woken }) }, 202);
    if (woken > 0) return c.json({ status: "woken", woken }, 202);
    return ignored(c, "no workflow is for this event and action, and no run waits for it");
  }
}

/** Has every run look again that waits for this event, on any replica; resolves with how many there are. */
export type WakeRuns = (event: WebhookEvent) => Promise<number>;

function oneAfterTheOther() {
  let last: Promise<unknown> = Promise.resolve();
  return <Result>(work: () => Promise<Result>): Promise<Result> => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}

function receive(c: Context, bytes: Uint8Array): WebhookEvent {
  if (/urlencoded/i.test(c.req.header("content-type") ?? "")) {
    throw new Rejection(400, "The payload is a form: set the webhook's content type at GitHub to application/json.");
  }
  const name = c.req.header("x-github-event");
  const delivery = c.req.header("x-github-delivery");
  if (!name || !delivery) {
    throw new Rejection(400, "X-GitHub-Event or X-GitHub-Delivery is missing: this is not how GitHub delivers.");
  }
  return { name, delivery, payload: jsonObject(bytes) } as unknown as WebhookEvent;
}
