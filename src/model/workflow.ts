import type { RunContext } from "./context.ts";
import { type Duration, millisecondsOf } from "./duration.ts";
import { type EventFacts, eventFacts, type FactsOf } from "./event-facts.ts";
import type { GitHubTrigger } from "./github-trigger.ts";
import type { CredentialOptions } from "./identity.ts";
import type { Order } from "./new-run.ts";
import type { NotifyOption } from "./notices.ts";
import { groupOfCommit, type ReportOption } from "./report.ts";
import type { Json } from "./run.ts";
import {
  type FluxEvent,
  GIVEN_AS,
  kindsOf,
  type NoInputs,
  type Tick,
  type TriggerKind,
  type Triggers,
} from "./triggers.ts";
import type { ActionOf, NoWebhook, WebhookEvents, WebhookName } from "./webhooks.ts";

/** One workflow: data that says when it runs, and the function that does the work. Write it with `defineWorkflow`. */
export type Workflow<
  Given = AnyGiven,
  Outputs = unknown,
  EnvName extends string = string,
  IdentityName extends string = string,
> = {
  readonly on: Triggers;
} & WorkflowOptions<Given, Outputs, EnvName, IdentityName>;

/** Everything about a workflow except its triggers. */
export type WorkflowOptions<
  Given,
  Outputs,
  EnvName extends string,
  IdentityName extends string,
> = CredentialOptions<IdentityName> & {
  /** Unique in a service; letters, digits and dashes. */
  readonly name: string;
  /**
   * The group of a run. Runs of one workflow with the same group never overlap, and the newest queued run replaces
   * older ones. A run whose group is undefined waits for no other. So does every run without `concurrency`, unless the
   * workflow has `report`: then each commit is a group. The long form changes what a newer event does.
   */
  readonly concurrency?: Group<Given> | Concurrency<Given>;
  /** Skips repeats: a run is skipped if one with the same key succeeded within this time. */
  readonly dedupe?: { readonly key: (given: Given) => string; readonly within: Duration };
  /**
   * How many runs of a group, or of a workflow without groups, start within a time. More runs wait for their turn; none
   * is dropped.
   */
  readonly throttle?: { readonly limit: number; readonly per: Duration };
  /**
   * A run starts when no newer event of its group, or of a workflow without groups, has arrived for this long. A newer
   * event replaces it.
   */
  readonly debounce?: Duration;
  /** How long one attempt may take. Default: 5 minutes. Then it fails, and later attempts follow as usual. */
  readonly timeout?: Duration;
  /** The run is attempted once: any failure ends it, except a GitHub rate limit, which is always waited for. */
  readonly retry?: false;
  /**
   * Names of environment variables that `run` may read as `env.NAME`. Each must be set, or be given as `NAME_FILE`;
   * otherwise the service does not start. Their values are kept out of the log and of reasons, and values of 12 or more
   * characters also out of outputs.
   */
  readonly env?: readonly EnvName[];
  /** The GitHub repository, `owner/name`, of its runs: the page links their commits and Actions there. */
  readonly repository?: string;
  /**
   * Shows the result of each run on its event's commit: as a check (`"check"`, which needs a GitHub App), or as a
   * commit status (`"status"`). If the result cannot be written there, the run fails.
   */
  readonly report?: ReportOption<Given>;
  /**
   * The title of a run on the page and in lists: a text, or a function of the event. Up to 200 characters are kept.
   * Without a title, a run is named after its group.
   */
  readonly title?: string | ((given: Given) => string | undefined);
  /**
   * Who gets its notices instead of `NOTIFY_URL`: a variable with a webhook's address, `{ to, on, as }`, a list, or
   * `false`.
   */
  readonly notify?: NotifyOption;
  /** Short facts about an event for the log record of each attempt, such as the application's name. */
  labels?(given: Given): Readonly<Record<string, string | undefined>>;
  /**
   * Does the work. Return `skip(reason)` to end the run as skipped, or `fail(reason)` to end it as failed. Any other
   * returned value, as JSON, is the run's outputs. An error ends the attempt as failed: a `TransientFailure` is
   * attempted again, any other error is not.
   */
  run(context: Context<Given, EnvName, IdentityName>): Promise<Outputs>;
  /**
   * Cleans up. It is called once if a run that had started was cancelled. It has the same context as `run`, and two
   * minutes. An error in it is stored with the run, and it is not attempted again.
   */
  cancelled?(context: Context<Given, EnvName, IdentityName>): Promise<unknown> | unknown;
};

/** GitHub Actions gives a job 6 hours. A workflow here takes seconds, and one that hangs keeps a place. */
export const DEFAULT_TIMEOUT = "5m";

/** The concurrency group of a run; undefined: it does not wait for others. */
type Group<Given> = string | ((given: Given) => string | undefined);

/** What a newer event does to the older ones of its group. */
export type Concurrency<Given> = {
  readonly group: Group<Given>;
  /** A newer event cancels the running or waiting run, and starts when that has ended. Like `cancel-in-progress`. */
  readonly cancelRunning?: boolean;
  /** `"latest"`, the default: a newer event replaces a queued one. `"all"`: every event runs, in order. */
  readonly queue?: "latest" | "all";
};

/** The argument of `run`: what started it, and the tools to work with. */
export type Context<
  Given = unknown,
  EnvName extends string = string,
  IdentityName extends string = string,
> = RunContext<EnvName, IdentityName> & Given;

/**
 * What starts a run: `{ trigger, body }` for http and flux, `{ trigger, event }` for github and schedule, `{ trigger,
 * inputs }` for manual and call. With several triggers it is a union of these, and each has the fields of the others as
 * undefined. So a workflow can destructure `{ trigger, body, inputs }`, and after `if (trigger === "manual")` the
 * inputs have their type. With one trigger, `trigger` may be any kind, because a workflow may call the `run` of another
 * one.
 */
export type GivenBy<All extends TriggerKind, Body, Event, Inputs> = {
  readonly [Kind in All]: { readonly trigger: [All] extends [Kind] ? TriggerKind : Kind } & {
    readonly [Field in GivenAs<Kind>]: {
      http: Body;
      flux: FluxEvent;
      github: Event;
      schedule: Tick;
      manual: Inputs;
      call: Inputs;
    }[Kind];
  } & { readonly [Field in Exclude<GivenAs<All>, GivenAs<Kind>>]?: undefined } & (Kind extends "github"
      ? FactsOf<NamesOf<Event>>
      : { readonly [Fact in keyof EventFacts]?: EventFacts[Fact] | undefined });
}[All];

type NamesOf<Event> = Event extends { readonly name: infer Name extends WebhookName } ? Name : never;

type GivenAs<Kind extends TriggerKind> = (typeof GIVEN_AS)[Kind];

/** Code that handles all kinds of workflows knows nothing about this type. */
// biome-ignore lint/suspicious/noExplicitAny: a function that takes a certain event stands beside those that take others
type AnyGiven = any;

/** What a workflow returns: JSON, nothing, `skip(reason)` or `fail(reason)`. */
type Returned = Json | undefined | Skip | Fail;

/** The value that ends a run as skipped. */
export type Skip = { readonly [SKIP]: string };

/** The same in every copy of this module, because tests of a workflow may use another copy. */
const SKIP: unique symbol = Symbol.for("gh-runner.skip") as never;

/** Ends a run as skipped, with this reason: `return skip("only https previews are announced")`. */
export function skip(reason: string): Skip {
  return { [SKIP]: reason };
}

/** The value that ends a run as failed. */
export type Fail = { readonly [FAIL]: string };

const FAIL: unique symbol = Symbol.for("gh-runner.fail") as never;

/** Ends a run as failed, with this reason and without a retry: `return fail("the title has no ticket")`. */
export function fail(reason: string): Fail {
  return { [FAIL]: reason };
}

/**
 * How a run ends if its workflow returned this value, and why; undefined if the value is not a `skip` or a `fail`.
 */
export function endingOf(
  value: unknown,
): { readonly status: "skipped" | "failure"; readonly reason: string } | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (SKIP in value) return { status: "skipped", reason: (value as Skip)[SKIP] };
  return FAIL in value ? { status: "failure", reason: (value as Fail)[FAIL] } : undefined;
}

/**
 * Gives a workflow its types. It returns its argument unchanged, so you test a workflow by calling `run`. In a list of
 * `github` entries, up to five have types.
 */
export function defineWorkflow<
  Kind extends TriggerKind,
  Body,
  Name extends WebhookName | NoWebhook,
  Action extends ActionOf<Name>,
  // biome-ignore lint/suspicious/noConfusingVoidType: a function without a return statement resolves with void
  Outputs extends Returned | void,
  const EnvName extends string = never,
  Inputs = NoInputs,
  Name2 extends WebhookName | NoWebhook = never,
  Action2 extends ActionOf<Name2> = ActionOf<Name2>,
  Name3 extends WebhookName | NoWebhook = never,
  Action3 extends ActionOf<Name3> = ActionOf<Name3>,
  Name4 extends WebhookName | NoWebhook = never,
  Action4 extends ActionOf<Name4> = ActionOf<Name4>,
  Name5 extends WebhookName | NoWebhook = never,
  Action5 extends ActionOf<Name5> = ActionOf<Name5>,
  const IdentityName extends string = never,
>(
  workflow: {
    /** What starts it: one or more of `http`, `schedule`, `github`, `flux`, `manual`, `call`. */
    readonly on: Readonly<Record<Kind, unknown>> &
      Triggers<
        Body,
        | GitHubTrigger<Name, Action>
        | readonly [
            GitHubTrigger<Name, Action>,
            GitHubTrigger<Name2, Action2>?,
            GitHubTrigger<Name3, Action3>?,
            GitHubTrigger<Name4, Action4>?,
            GitHubTrigger<Name5, Action5>?,
          ],
        Inputs
      >;
  } & WorkflowOptions<
    GivenBy<
      Kind,
      Body,
      WebhookEvents<Name, Action, Name2, Action2, Name3, Action3, Name4, Action4, Name5, Action5>,
      Inputs
    >,
    Outputs,
    EnvName,
    IdentityName
  >,
): Workflow<
  GivenBy<
    Kind,
    Body,
    WebhookEvents<Name, Action, Name2, Action2, Name3, Action3, Name4, Action4, Name5, Action5>,
    Inputs
  >,
  Outputs,
  EnvName,
  IdentityName
> {
  return workflow as never;
}

type AnyStart = GivenBy<TriggerKind, unknown, unknown, unknown>;

/** What started a run: the kind of trigger, and its input. Old runs do not have the kind. */
type Started = { readonly trigger?: TriggerKind | undefined; readonly input: unknown };

/** The kind of trigger that started a run. A run without it is from a version in which a workflow had one trigger. */
export function triggerOf({ on }: Pick<Workflow, "on">, { trigger }: Started): TriggerKind {
  return trigger ?? kindsOf(on)[0] ?? "manual";
}

/** What started a run, in the form that its workflow gets. */
export function givenOf(workflow: Pick<Workflow, "on">, run: Started): AnyStart {
  const trigger = triggerOf(workflow, run);
  const facts = trigger === "github" ? eventFacts(run.input as Parameters<typeof eventFacts>[0]) : {};
  return { trigger, [GIVEN_AS[trigger]]: run.input, ...facts } as AnyStart;
}

/** Whether a cancelled run that had started needs another call: for `cancelled`, or to show the end on its commit. */
export function isCalledWhenCancelled({ cancelled, report }: Pick<Workflow, "cancelled" | "report">): boolean {
  return cancelled !== undefined || report !== undefined;
}

/** The order of a workflow's runs, for the store; undefined: without any option. */
export function orderOf(
  workflow: Pick<Workflow, "concurrency" | "throttle" | "debounce" | "cancelled" | "report">,
): Order | undefined {
  const { concurrency, throttle, debounce } = workflow;
  const { cancelRunning = false, queue = "latest" } = typeof concurrency === "object" ? concurrency : {};
  if (!cancelRunning && queue === "latest" && throttle === undefined && debounce === undefined) return undefined;
  return {
    queue,
    ...(cancelRunning && { cancelRunning, hasHandler: isCalledWhenCancelled(workflow) }),
    ...(throttle && { throttle: { limit: throttle.limit, perMs: millisecondsOf(throttle.per) } }),
    ...(debounce !== undefined && { debounceMs: millisecondsOf(debounce) }),
  };
}

/**
 * The concurrency group of an event. Without `concurrency`, runs that report on one commit run one after the other, the
 * newest event last.
 */
export function groupOf(workflow: Pick<Workflow, "on" | "concurrency" | "report">, event: Started): string | undefined {
  const { concurrency, report } = workflow;
  if (report !== undefined && concurrency === undefined) return groupOfCommit(givenOf(workflow, event));
  const group = typeof concurrency === "object" ? concurrency.group : concurrency;
  return typeof group === "function" ? group(givenOf(workflow, event)) : group;
}
