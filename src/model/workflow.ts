import type { RunContext } from "./context.ts";
import type { Duration } from "./duration.ts";
import type { Json } from "./run.ts";
import type { ActionOf, FluxEvent, Tick, TriggerKind, Triggers, WebhookEvent, WebhookName } from "./triggers.ts";

/** One workflow: data that says when it runs, and the function that does. Write it with `defineWorkflow`. */
export type Workflow<Given = AnyGiven, Outputs = unknown, EnvName extends string = string> = {
  readonly on: Triggers;
} & WorkflowOptions<Given, Outputs, EnvName>;

/** Everything about a workflow but what starts it. */
export type WorkflowOptions<Given, Outputs, EnvName extends string> = {
  /** Unique in a service; letters, digits and dashes. */
  readonly name: string;
  /**
   * Runs of one workflow with the same group never overlap, and the newest waiting one wins. Undefined, or no
   * `concurrency` at all: runs wait for nobody.
   */
  readonly concurrency?: string | ((given: Given) => string | undefined);
  /** Absorbs repeats: a run is skipped when one with the same key has succeeded within that time. */
  readonly dedupe?: { readonly key: (given: Given) => string; readonly within: Duration };
  /** How long one attempt may take; 5 minutes without it. Then it has failed, and later attempts are made as usual. */
  readonly timeout?: Duration;
  /** The run is attempted once: any failure ends it, except a limit of GitHub, which is waited for as always. */
  readonly retry?: false;
  /**
   * Names of environment variables that `run` may read as `env.NAME`. Each must be set, or be given as `NAME_FILE`, or
   * the service does not start. Their values are kept out of the log and of reasons, those of 12 characters or more out
   * of outputs too.
   */
  readonly env?: readonly EnvName[];
  /** Name of the environment variable with the GitHub token that this workflow uses instead of the service's own. */
  readonly githubToken?: string;
  /** The GitHub repository, `owner/name`, that its runs are about: the page links their commits and Actions there. */
  readonly repository?: string;
  /** Short facts about an event for the log record of each attempt, such as the application's name. */
  labels?(given: Given): Readonly<Record<string, string | undefined>>;
  /**
   * Does the work. Returning `skip(reason)` ends the run as skipped; what it returns else, as JSON, are the run's
   * outputs. Throwing ends the attempt as failed: a `TransientFailure` is attempted again, anything else is not.
   */
  run(context: Context<Given, EnvName>): Promise<Outputs>;
};

/** What `run` gets: what started it, and the means to work with. */
export type Context<Given = unknown, EnvName extends string = string> = RunContext<EnvName> & Given;

/** What starts a run: `{ body }` of http and flux, `{ event }` of github and schedule. */
type GivenBy<Kind extends TriggerKind, Body, Name extends WebhookName, Action extends ActionOf<Name>> = {
  http: { readonly body: Body };
  flux: { readonly body: FluxEvent };
  github: { readonly event: WebhookEvent<Name, Action> };
  schedule: { readonly event: Tick };
}[Kind];

/** A file of WORKFLOWS_DIR that brings no workflow. */
export type BrokenFile = {
  readonly file: string;
  /** Everything that is wrong with it: the field and what to write there, or why it could not be loaded and where. */
  readonly problems: readonly string[];
};

/** The file of a workflow, to find it in a stack. */
export type WorkflowSource = {
  /** Its name in WORKFLOWS_DIR. */
  readonly file: string;
  /** The same as Node names it: absolute, and where symbolic links lead to. */
  readonly path: string;
  /** The folder that it lies in, of the same kind. */
  readonly folder: string;
};

/** Nothing is known about it where workflows of all kinds are handled. */
// biome-ignore lint/suspicious/noExplicitAny: a function that takes a certain event stands beside those that take others
type AnyGiven = any;

/** What a workflow returns: JSON, nothing, or `skip(reason)`. */
type Returned = Json | undefined | Skip;

/** The value that ends a run as skipped. */
export type Skip = { readonly [SKIP]: string };

/** The same in every copy of this module: a workflow may be tested with another copy than it runs with. */
const SKIP: unique symbol = Symbol.for("gh-runner.skip") as never;

/** Ends a run as skipped, for the reason given: `return skip("only https previews are announced")`. */
export function skip(reason: string): Skip {
  return { [SKIP]: reason };
}

/** The reason, when the value is a `skip`. */
export function skipReason(value: unknown): string | undefined {
  return typeof value === "object" && value !== null && SKIP in value ? (value as Skip)[SKIP] : undefined;
}

/** Gives a workflow its types. It returns exactly what it was given, so a workflow is tested by calling `run`. */
export function defineWorkflow<
  Kind extends TriggerKind,
  Body,
  Name extends WebhookName,
  Action extends ActionOf<Name>,
  // biome-ignore lint/suspicious/noConfusingVoidType: a function without a return statement resolves with void
  Outputs extends Returned | void,
  const EnvName extends string = never,
>(
  workflow: {
    /** What starts it: exactly one of `http`, `schedule`, `github`, `flux`. */
    readonly on: Readonly<Record<Kind, unknown>> & Triggers<Body, Name, Action>;
  } & WorkflowOptions<GivenBy<Kind, Body, Name, Action>, Outputs, EnvName>,
): Workflow<GivenBy<Kind, Body, Name, Action>, Outputs, EnvName> {
  return workflow as unknown as Workflow<GivenBy<Kind, Body, Name, Action>, Outputs, EnvName>;
}

/** The input of a run as its workflow is given it. */
export function givenOf({ on }: Pick<Workflow, "on">, input: unknown): { body: unknown } | { event: unknown } {
  return on.http || on.flux ? { body: input } : { event: input };
}

/** The concurrency group of an event. */
export function groupOf(workflow: Pick<Workflow, "on" | "concurrency">, input: unknown): string | undefined {
  const { concurrency } = workflow;
  return typeof concurrency === "function" ? concurrency(givenOf(workflow, input)) : concurrency;
}
