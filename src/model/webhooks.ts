import type { operations } from "@octokit/openapi-webhooks-types";

/** One webhook delivery. With several names, `event.name` distinguishes the payloads. */
export type WebhookEvent<
  Name extends WebhookName | NoWebhook = WebhookName,
  Action extends ActionOf<Name> = ActionOf<Name>,
> = Name extends WebhookName
  ? Delivery<Name, Action>
  : // biome-ignore lint/suspicious/noExplicitAny: the name is the mistake, and not each use of the event
    any;

/**
 * An interface, because editors, errors and declarations show its name. A type would be shown with its full payload.
 */
export interface Delivery<Name extends WebhookName, out Action> {
  readonly name: Name;
  /** `X-GitHub-Delivery`: the same when GitHub redelivers it. */
  readonly delivery: string;
  readonly payload: WithoutAction<Payloads[Name]> | (WithLabel<Payloads[Name]> & { readonly action: Action });
}

/** The deliveries of up to five entries. */
export type WebhookEvents<
  Name extends WebhookName | NoWebhook,
  Action extends ActionOf<Name>,
  Name2 extends WebhookName | NoWebhook,
  Action2 extends ActionOf<Name2>,
  Name3 extends WebhookName | NoWebhook,
  Action3 extends ActionOf<Name3>,
  Name4 extends WebhookName | NoWebhook,
  Action4 extends ActionOf<Name4>,
  Name5 extends WebhookName | NoWebhook,
  Action5 extends ActionOf<Name5>,
> =
  | WebhookEvent<Name, Action>
  | WebhookEvent<Name2, Action2>
  | WebhookEvent<Name3, Action3>
  | WebhookEvent<Name4, Action4>
  | WebhookEvent<Name5, Action5>;

export type WebhookName = keyof Payloads;

export type ActionOf<Name extends WebhookName | NoWebhook> = Extract<
  Payloads[Extract<Name, WebhookName>],
  { action: unknown }
>["action"];

/** Events of Actions that are not webhooks, each with what to use here. */
export const NO_WEBHOOKS = {
  pull_request_target: "use pull_request: here it has the service's token, also for forks (docs/converting.md)",
  pull_request_comment: "use issue_comment: issue.pull_request says whether it is on a pull request",
  schedule: 'use the trigger schedule, beside github: { cron: "0 3 * * *" }',
  workflow_call: "use the trigger call, beside github",
  image_version: "GitHub sends no webhook for it",
} as const;

export type NoWebhook = keyof typeof NO_WEBHOOKS;

type WithoutAction<Payload> = Exclude<Payload, { action: unknown }>;

/**
 * GitHub describes `label` as optional, because `unlabeled` lacks it when the label itself was deleted. `labeled`
 * always has it.
 * @see https://github.com/octokit/webhooks/issues/639
 */
type WithLabel<Payload> = Payload extends { action: "labeled"; label?: infer Label }
  ? Payload & { readonly label: NonNullable<Label> }
  : Extract<Payload, { action: unknown }>;

/** The payload of each event. GitHub describes every action separately, under a name such as `pull-request/opened`. */
type Payloads = {
  readonly [Described in keyof operations as EventIn<Described>]: operations[Described]["requestBody"]["content"]["application/json"];
};
type EventIn<Described> = Described extends `${infer Event}/${string}` ? Snake<Event> : Snake<Described>;
type Snake<Text> = Text extends `${infer Word}-${infer Rest}` ? `${Word}_${Snake<Rest>}` : Text;

/** Where GitHub delivers events. */
export const GITHUB_WEBHOOK_PATH = "/webhooks/github";
