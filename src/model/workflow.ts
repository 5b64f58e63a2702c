import type { Json } from "./run.ts";

/** One workflow: data that says when it runs, and the function that does. Write it with `defineWorkflow`. */
export type Workflow<Body = unknown, Outputs extends Json = Json> = {
  /** Unique in a service; letters, digits and dashes. */
  readonly name: string;
  readonly on: { readonly http?: HttpTrigger<Body> };
  /** Runs of one workflow with the same group never overlap, and the newest waiting one wins. */
  concurrency?(event: { body: Body }): string;
  /** Short facts about an event for the log record of each attempt, such as the application's name. */
  labels?(event: { body: Body }): Readonly<Record<string, string | undefined>>;
  /** Does the work. Returning `skip(reason)` ends the run as skipped; throwing ends the attempt as failed. */
  run(context: Context<Body>): Promise<Outputs | Skip>;
};

/** `POST {path}` starts the workflow and is answered with its outcome. */
export type HttpTrigger<Body> = {
  /** Begins with a slash: `/dispatch`. */
  readonly path: string;
  /** Turns the request's JSON into the body that `run` gets, or names every problem with it (answered 400). */
  readonly body: Schema<Body>;
  /** Top-level field of the JSON in which a caller may bring a GitHub token of its own. It never reaches `body`. */
  readonly tokenField?: string;
  /** A last look before the event is accepted: a text refuses it with a 400. */
  refuse?(body: Body, event: { hasToken: boolean }): string | undefined;
  /** Added to the 405 that another method is answered with: what the caller probably meant. */
  readonly methodHint?: string;
};

/** What a workflow needs of a schema; every zod 4 schema is one. */
export type Schema<T> = {
  safeParse(
    input: unknown,
  ):
    | { success: true; data: T }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };
};

/** What a running workflow is given. */
export type Context<Body> = {
  readonly body: Body;
  readonly github: GitHub;
  /** Id of the run: the same in every attempt. */
  readonly runId: string;
  /** Number of this attempt, from 1. */
  readonly attempt: number;
  /**
   * Does something once: its result is kept with the run, and a later attempt gets the result without doing it again.
   * Names are unique within a run; results are JSON or nothing. Side effects go last, one a step.
   */
  step<Result extends Json | undefined>(name: string, work: () => Promise<Result>): Promise<Result>;
  /**
   * Marks this run with a key, and tells the id of a run of the same workflow that succeeded with the same key within
   * the last so many seconds: the way to absorb repeats.
   */
  repeatOf(key: string, seconds: number): Promise<string | undefined>;
};

/**
 * What a workflow may ask of GitHub. Repositories are `owner/name`. Every method throws a `PermanentFailure`, a
 * `TransientFailure` or a `LimitReached`; transient faults have then already been tried three times.
 */
export type GitHub = {
  /**
   * The text of the first of these files that exists, and its path; undefined when none does. All are asked at once.
   * A later one counts only when every earlier one is known to be absent.
   * @param options.ref branch, tag or commit; the default branch without it.
   * @param options.beforeWritingTo the repository to which something will be written because of what is read. While
   * GitHub's limits leave no room for that write, nothing is read either: it would be read again later.
   */
  firstFile(
    repository: string,
    paths: readonly string[],
    options?: { ref?: string | undefined; beforeWritingTo?: string | undefined },
  ): Promise<{ path: string; text: string } | undefined>;
  /** Whether a repository has a commit of this name: a hash, whole or shortened, a branch or a tag. */
  hasCommit(repository: string, ref: string): Promise<boolean>;
  /**
   * Sends a `repository_dispatch` event. Resolves once GitHub has accepted it (204). After a lost answer it is sent
   * again, so the event may arrive twice.
   */
  dispatch(repository: string, eventType: string, payload: { readonly [key: string]: Json }): Promise<void>;
};

/** The value that ends a run as skipped. */
export type Skip = { readonly [SKIP]: string };

const SKIP = Symbol("skip");

/** Ends a run as skipped, for the reason given: `return skip("only https previews are announced")`. */
export function skip(reason: string): Skip {
  return { [SKIP]: reason };
}

/** The reason, when the value is a `skip`. */
export function skipReason(value: unknown): string | undefined {
  return typeof value === "object" && value !== null && SKIP in value ? (value as Skip)[SKIP] : undefined;
}

/** Gives a workflow its types. It returns exactly what it was given, so a workflow is tested by calling `run`. */
export function defineWorkflow<Body, Outputs extends Json>(workflow: Workflow<Body, Outputs>): Workflow<Body, Outputs> {
  return workflow;
}
