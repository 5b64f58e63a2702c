import type { GivenBy, TriggerKind, WebhookEvent, Workflow } from "../../index.ts";
import { aFunction, someOf } from "./options.ts";

/** Which events about pull requests start a ready-made workflow. */
export type PullEventOptions = {
  /** What happens to a pull request, GitHub's `types`: `["opened", "edited"]`. */
  readonly actions?: readonly PullAction[];
  /** A last check of the event. If it returns false, there is no run. */
  readonly filter?: (event: WebhookEvent<"pull_request">) => boolean;
};

/**
 * A workflow that pull request events start. The type is written out for the declarations of the npm package. The type
 * that the compiler infers names every field of every payload, and is longer than the compiler writes.
 */
export type PullWorkflow<Kinds extends TriggerKind = "github", Inputs = never> = Workflow<
  GivenBy<Kinds, unknown, WebhookEvent<"pull_request">, Inputs>
>;

type PullEvent = { readonly payload: { readonly pull_request?: { readonly number: number; readonly title: string } } };

/** The title of a run about a pull request: `#7 feat: a cart`. */
export function titleOfPull(event: PullEvent | undefined): string | undefined {
  const pull = event?.payload.pull_request;
  return pull && `#${pull.number} ${pull.title}`;
}

type PullAction = WebhookEvent<"pull_request">["payload"]["action"];

/** @see https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request */
const PULL_ACTIONS = [
  ...[
    "assigned",
    "auto_merge_disabled",
    "auto_merge_enabled",
    "closed",
    "converted_to_draft",
    "demilestoned",
    "dequeued",
  ],
  ...["edited", "enqueued", "labeled", "locked", "milestoned", "opened", "ready_for_review", "reopened"],
  ...["review_request_removed", "review_requested", "synchronize", "unassigned", "unlabeled", "unlocked"],
];

export const PULL_EVENT_CHECKS = { actions: someOf(PULL_ACTIONS), filter: aFunction };
