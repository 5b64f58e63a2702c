import { getHeapStatistics } from "node:v8";
import type { Context, Hono } from "hono";
import { at, eventFacts } from "../../model/event-facts.ts";
import type { IgnoredEvent, Unwanted } from "../../model/events.ts";
import { whyNoEntry } from "../../model/github-trigger.ts";
import type { Renewable } from "../../model/renewable.ts";
import { withAccess } from "../../model/route-access.ts";
import type { Json } from "../../model/run.ts";
import { StoreUnavailable } from "../../model/store.ts";
import { gitHubEntries } from "../../model/triggers.ts";
import { GITHUB_WEBHOOK_PATH, type WebhookEvent } from "../../model/webhooks.ts";
import type { Workflow } from "../../model/workflow.ts";
import { type FailedAuthentication, isSignedWithOneOf } from "../authorize.ts";
import { jsonObject, readBytes } from "../body.ts";
import type { NotedEvents } from "../noted-events.ts";
import { ignored, Rejection } from "../problem.ts";
import type { AcceptEvent } from "./http.ts";

/** The workflows that a delivery may start, and the functions that process it. */
type Intake = {
  readonly workflows: readonly Workflow[];
  readonly accept: AcceptEvent;
  readonly wake: WakeRuns;
  /** For a late delivery: whether the workflow already had a newer event of its group. Then this event must not run. */
  readonly isOutdated?: (workflow: Workflow, event: WebhookEvent) => Promise<boolean>;
  /** Notes a delivery that starts no run. */
  readonly ignored: NotedEvents["ignored"];
};

/** The result of a delivery. */
type TakenIn = {
  readonly runs: readonly { readonly workflow: string; readonly run: string }[];
  /** Whether any of these runs is new. They are not if the delivery arrived before. */
  readonly isNew: boolean;
  /** How many waiting runs it woke. */
  readonly woken: number;
  /** Workflows that threw an error when they checked the event, each with its message. */
  readonly threw: readonly string[];
};

/**
 * Starts a run of each workflow that handles the delivery, once, and wakes the runs that wait for it. Resolves when
 * everything is stored.
 * @param actor who started the runs: `GitHub webhook`, or that with an addition for a delivery from GitHub's log.
 * @throws StoreUnavailable. You can process the delivery again: the runs that were stored are recognised.
 */
export async function takeIn(
  event: WebhookEvent,
  actor: string,
  { workflows, accept, wake, isOutdated, ignored }: Intake,
): Promise<TakenIn> {
  const identity = { source: `delivery ${event.delivery}`, id: event.delivery };
  const started = { trigger: "github", actor, input: event as unknown as Json } as const;
  const runs: TakenIn["runs"][number][] = [];
  let anyNew = false;
  const threw: string[] = [];
  const reasons: Unwanted[] = [];
  for (const workflow of workflows) {
    const entries = gitHubEntries(workflow.on);
    if (entries.length === 0) continue;
    const unwanted = (reason: string) => void reasons.push({ workflow: workflow.name, reason });
    try {
      const reason = whyNoEntry(entries, event);
      if (reason !== undefined) {
        unwanted(reason);
        continue;
      }
      if (await isOutdated?.(workflow, event)) {
        unwanted("already had a newer event of the same group");
        continue;
      }
      const { run, isNew } = await accept({ workflow, ...started, event: identity }, { wait: false });
      runs.push({ workflow: workflow.name, run });
      anyNew ||= isNew;
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      const message = error instanceof Error ? error.message : String(error);
      threw.push(`${workflow.name} (${message})`);
      unwanted(`threw an error when it checked the event: ${message}`);
    }
  }
  // Last: a waiting run also checks at intervals, but GitHub never sends a lost event again.
  const woken = await wake(event);
  if (runs.length === 0) ignored(ignoredEvent(event, { actor, reasons, woken, hasThrown: threw.length > 0 }));
  return { runs, isNew: anyNew, woken, threw };
}

/** The facts that are stored of a delivery that starts no run. */
function ignoredEvent(
  { name, delivery, payload }: WebhookEvent,
  {
    actor,
    reasons,
    woken,
    hasThrown,
  }: { actor: string; reasons: readonly Unwanted[]; woken: number; hasThrown: boolean },
): Omit<IgnoredEvent, "at"> {
  const { repository, issue, sha } = eventFacts({ name, payload });
  const textAt = (...path: string[]) => {
    const found = at(payload, ...path);
    return typeof found === "string" ? found : undefined;
  };
  const action = textAt("action");
  const ref =
    textAt("ref")?.replace(/^refs\/(?:heads|tags)\//, "") ??
    textAt("pull_request", "head", "ref") ??
    textAt(name, "head_branch");
  const what = hasThrown
    ? "A workflow threw an error when it checked the event."
    : reasons.length === 0
      ? "No workflow has the trigger github."
      : "No workflow handles it.";
  const waited = woken === 0 ? "" : ` ${woken} waiting ${woken === 1 ? "run checks" : "runs check"} again.`;
  const late = actor === GITHUB ? "" : " The delivery was missed and then read from GitHub's delivery log.";
  return {
    ...{ source: "github", event: action === undefined ? name : `${name}.${action}`, delivery, reasons, woken },
    ...{ repository, number: issue, sha, ref, sender: textAt("sender", "login"), answer: what + waited + late },
  };
}

const GITHUB = "GitHub webhook";

/**
 * GitHub sends up to 25 MB. A usual payload has 30 KB. A push with 2,048 commits, the most that GitHub lists, has 1 MB. Until a
 * payload is stored it takes about ten times its size in memory. With a heap of 48 MB, two payloads of 4.7 MB ended the process.
 */
export const MAX_PAYLOAD_BYTES = Math.min(5_000_000, Math.floor(getHeapStatistics().heap_size_limit / 24));

/** Larger payloads are parsed and stored one after the other. */
const LARGE_BYTES = 250_000;

/**
 * Mounts `POST /webhooks/github` for all workflows with the trigger `github`, and for runs that wait for an event. The answer
 * comes as soon as the delivery is stored: GitHub waits 10 s and does not retry.
 * @see https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
 */
export function mountGitHubWebhooks(
  app: Hono,
  {
    secrets,
    failed,
    heard,
    ...intake
  }: Intake & Pick<NotedEvents, "heard"> & { secrets: Renewable<readonly string[]>; failed: FailedAuthentication },
): void {
  const oneLarge = oneAfterTheOther();
  const handle = async (c: Context) => {
    const bytes = await readBytes(c, MAX_PAYLOAD_BYTES);
    const signature = c.req.header("x-hub-signature-256");
    if (!(await isSignedWithOneOf(secrets, bytes, signature, ["sha256"]))) {
      failed(c, signature === undefined ? "none" : "github_signature");
      throw new Rejection(
        401,
        "X-Hub-Signature-256 does not match this body. Set the webhook's secret at GitHub and " +
          "GITHUB_WEBHOOK_SECRET to the same text.",
      );
    }
    return bytes.byteLength > LARGE_BYTES ? oneLarge(() => deliver(c, bytes)) : deliver(c, bytes);
  };
  app.post(GITHUB_WEBHOOK_PATH, withAccess({ open: "the signature of GitHub" }, handle));

  async function deliver(c: Context, bytes: Uint8Array): Promise<Response> {
    const event = receive(c, bytes);
    heard({ kind: "github", name: ownerOf(event), actor: "" });
    if (event.name === ("ping" as string)) return c.json({ status: "pong" });
    const { runs, woken, threw } = await takeIn(event, GITHUB, intake);
    if (threw.length > 0) {
      throw new Rejection(
        500,
        `These workflows threw an error when they checked the event: ${threw.join(", ")}. Fix them, then redeliver. Workflows that already got the event do not get it twice.`,
      );
    }
    if (runs.length > 0) return c.json({ status: "queued", runs, ...(woken > 0 && { woken }) }, 202);
    if (woken > 0) return c.json({ status: "woken", woken }, 202);
    return ignored(c, "no workflow handles this event and action, and no run waits for it");
  }
}

/** Wakes every run that waits for this event, on any replica. Resolves with their number. */
export type WakeRuns = (event: WebhookEvent) => Promise<number>;

/** The repository, or the organisation if there is none, in lower case. */
function ownerOf({ payload }: WebhookEvent): string {
  const [repository, organization] = [at(payload, "repository", "full_name"), at(payload, "organization", "login")];
  return (
    [repository, organization]
      .find((each) => typeof each === "string")
      ?.toString()
      .toLowerCase() ?? ""
  );
}

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
    throw new Rejection(400, "The payload is a form. Set the webhook's content type at GitHub to application/json.");
  }
  const name = c.req.header("x-github-event");
  const delivery = c.req.header("x-github-delivery");
  if (!name || !delivery) {
    throw new Rejection(
      400,
      "X-GitHub-Event or X-GitHub-Delivery is missing. GitHub sends both headers: check that no proxy removes them.",
    );
  }
  return { name, delivery, payload: jsonObject(bytes) } as unknown as WebhookEvent;
}
