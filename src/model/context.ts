import type { Duration } from "./duration.ts";
import type { Repo } from "./event-facts.ts";
import type { GitHub } from "./github.ts";
import type { RunReport } from "./report.ts";
import type { Json } from "./run.ts";
import type { Schema } from "./triggers.ts";
import type { WakeOn } from "./waits.ts";

/** What a running workflow gets in addition to its event. */
export type RunContext<EnvName extends string = string, IdentityName extends string = string> = {
  readonly github: GitHub<IdentityName>;
  /**
   * The run's repository, `owner/name`: from the event, otherwise the workflow's `repository`, otherwise TARGET_REPO.
   */
  readonly repository: string;
  /** The same as parameters of GitHub's routes: `github.request("GET /repos/{owner}/{repo}", { ...repo })`. */
  readonly repo: Repo;
  /** Other runs of this service. */
  readonly runs: Runs;
  /** The run's id, the same in every attempt. */
  readonly runId: string;
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  /** Who started the run, as far as known: `token argocd`, `schedule`, `GitHub webhook`. */
  readonly by: string | undefined;
  /** Whether the run had ended and was re-run. */
  readonly isRerun: boolean;
  /** The event brought its GitHub token, which is not stored. So the run is attempted once, and cannot wait. */
  readonly hasOwnToken: boolean;
  /**
   * Aborts when the attempt is over, or when the service is about to stop. Pass it to `fetch` and similar functions.
   */
  readonly signal: AbortSignal;
  /** The environment variables that the workflow declares in `env`. Each has a value. */
  readonly env: { readonly [Name in EnvName]: string };
  /**
   * Writes to the run's log and the service's log. Up to 200 lines and 64 KB per attempt; further lines are only
   * counted.
   */
  readonly log: RunLog;
  /**
   * Does something once. The result is stored with the run, so a later attempt gets it without repeating the work.
   * Names are unique within a run. Results are JSON, in the first attempt too: a Date becomes text, and a token becomes
   * `***`. Put the side effect last, one per step.
   */
  step<Result>(name: string, work: () => Promise<Result> | Result): Promise<Result>;
  /**
   * The paths of the files that the event changed: a pull request, a push or a merge group. For a renamed file, the new
   * path. Deleted files are included. The result is remembered like a step's: a run needs one request per 100 files.
   * GitHub shows up to 3,000 files of a pull request and 300 of a push.
   * @throws PermanentFailure if no event of these kinds started the run.
   */
  changedFiles(): Promise<readonly string[]>;
  /**
   * Waits for a duration, or until a date. Each wait has a name that is unique among the run's steps and waits. The
   * attempt ends, and a later one continues from here: code before it runs again, except finished steps and waits.
   * `finally` blocks do not run when an attempt ends this way.
   */
  sleep(name: string, length: Duration | Date): Promise<void>;
  /**
   * Waits until `check` returns a result other than undefined, and resolves with it, as JSON. `check` is called
   * immediately, at each interval, and for each event that `wakeOn` names. A lost, early or late event costs time, but
   * never the result. With `wakeOn`, `check` runs again after five seconds, for an event that arrived during the first
   * call. If it throws, the attempt fails as usual.
   * @throws PermanentFailure if there is no result in time, or if `check` returns false: return undefined to keep
   * waiting.
   */
  waitUntil<Result>(
    name: string,
    check: () => Promise<Result | undefined> | Result | undefined,
    options?: WaitUntilOptions,
  ): Promise<Result>;
  /**
   * Resolves when a GET of the URL returns the expected answer, since previews are often announced before they answer.
   * It asks once a second at first. After ten seconds it becomes a wait like `waitUntil`, which asks at the interval
   * `every`. In a step, in `cancelled`, or in a run that brought its token, all of it happens within the attempt.
   * @throws TransientFailure if the answer never came: the run is attempted again later. PermanentFailure if the URL
   * cannot be used.
   */
  waitFor(url: string | URL, options?: WaitForOptions): Promise<void>;
  /**
   * Creates a URL that another system, or a person, can answer once. Pass it on, then `await result()`, which resolves
   * with the sent body. Needs PUBLIC_URL. Anyone with the URL can answer, so treat it as a secret.
   * `result` throws PermanentFailure if no answer arrives in time.
   */
  callback<Body = Json>(name: string, options?: CallbackOptions<Body>): Promise<OpenCallback<Body>>;
  /**
   * The platform's `fetch`, within the attempt: it ends with the attempt, and uses the proxy of the settings. Any
   * status resolves. It follows redirects like `fetch`, and an answer may have 50 MB. After a transient fault or a 5xx,
   * a GET or HEAD is sent twice more. In a dry run, any other request is shown instead, and answered with 200 and `{}`.
   * @throws TransientFailure without an answer, so that the run is attempted again later; PermanentFailure if the
   * request cannot be sent. Neither shows the query, or possible secrets in the path.
   */
  fetch(url: string | URL, init?: RequestInit): Promise<Response>;
  /**
   * Posts a text to an incoming webhook of Slack, Discord or Teams, or of a service that accepts Slack's format: `await
   * notify(env.SLACK_URL, "**done**: [the run](https://…)")`. The text may have Markdown links and bold. It is cut to
   * the chat's limit, and notifies no person in these three chats. It is not remembered: call it in a `step` to post
   * once.
   * @throws LimitReached if the chat asks for a long pause; TransientFailure if it gives no answer or a 5xx;
   * PermanentFailure if it rejects the text.
   */
  notify(url: string | URL, text: string): Promise<void>;
  /**
   * Marks this run with a key. Resolves with the id of a run of the same workflow that succeeded with this key within
   * the last `seconds`. Use it to skip repeats. If the event alone determines the key, the option `dedupe` is simpler.
   */
  repeatOf(key: string, seconds: number): Promise<string | undefined>;
  /**
   * Sets what this run's check or status shows, if its workflow has the option `report`. It is written when the attempt
   * ends. The latest title and summary count; annotations add up. Call it outside steps, because a later attempt does
   * not repeat a step's code.
   */
  report(report: RunReport): void;
};

export type Runs = {
  /**
   * Starts a run of another workflow of this service, which needs the trigger `call`. Happens once per run: later
   * attempts do not start another one. The run is stored when the promise resolves.
   * @param inputs as the workflow's schema requires.
   * @param options.id of the new run, a UUID in lower case; created if missing.
   * @param options.name distinguishes this start from others. To start the same workflow again, use another id or name.
   * @returns its id.
   * @throws PermanentFailure if there is no such workflow, it has no trigger `call`, or the inputs or the id are wrong.
   */
  start(workflow: string, inputs: Json, options?: { readonly id?: string; readonly name?: string }): Promise<string>;
  /**
   * The newest run of a workflow that is queued, running or waiting in a concurrency group; undefined if there is none.
   */
  open(workflow: string, group: string): Promise<{ readonly id: string; readonly input: Json } | undefined>;
  /** The newest run of a workflow in a concurrency group, even if it has ended; undefined if there is none. */
  newest(workflow: string, group: string): Promise<{ readonly id: string; readonly input: Json } | undefined>;
};

export type WaitUntilOptions = {
  /** The interval between calls of `check` without an event. Default: 1 minute; at least 1 second. */
  readonly every?: Duration;
  /** The longest time to wait. Default: 1 day. */
  readonly timeout?: Duration;
  /** Events at GitHub that also call it. Needs the repository's webhook. */
  readonly wakeOn?: WakeOn;
};

export type WaitForOptions = {
  /** Accepts the expected answer. Default: any 2xx. `text` is the first 100 KB. Redirects are not followed. */
  readonly until?: (answer: { readonly status: number; readonly text: string }) => boolean;
  /** The longest time to wait. Default: 2 minutes. */
  readonly timeout?: Duration;
  /** The interval between requests after the first ten seconds. Default: 10 seconds. */
  readonly every?: Duration;
  /** The name of the wait. Default: the URL. */
  readonly name?: string;
};

export type CallbackOptions<Body> = {
  /** The required answer: a zod 4 schema. Default: any JSON. */
  readonly body?: Schema<Body>;
  /** How long `result` waits. Default: 7 days. */
  readonly timeout?: Duration;
};

export type OpenCallback<Body> = {
  /** Accepts one `POST` with the body as JSON. A person who opens it in a browser gets a form. */
  readonly url: string;
  result(): Promise<Body>;
};

/** Writes a message and its facts, with a level. Facts are JSON, up to 50 and 8,000 characters. Secrets are hidden. */
export type RunLog = {
  [Level in "debug" | "info" | "warn" | "error"]: (message: string, facts?: Readonly<Record<string, unknown>>) => void;
};
