import type { Duration } from "./duration.ts";
import type { Repo } from "./event-facts.ts";
import type { GitHub } from "./github.ts";
import type { RunReport } from "./report.ts";
import type { Json } from "./run.ts";
import type { Schema } from "./triggers.ts";
import type { WakeOn } from "./waits.ts";

/** What a running workflow is given besides the event that started it. */
export type RunContext<EnvName extends string = string, IdentityName extends string = string> = {
  readonly github: GitHub<IdentityName>;
  /** The repository that the run is about, `owner/name`: of the event, else the workflow's `repository`, else TARGET_REPO. */
  readonly repository: string;
  /** The same as the parameters of GitHub's routes: `github.request("GET /repos/{owner}/{repo}", { ...repo })`. */
  readonly repo: Repo;
  /** Other runs of this service. */
  readonly runs: Runs;
  /** Id of the run: the same in every attempt. */
  readonly runId: string;
  /** Number of this attempt, from 1. */
  readonly attempt: number;
  /** Who started the run, as far as is known: `token argocd`, `schedule`, `GitHub webhook`. */
  readonly by: string | undefined;
  /** The run had ended, and was re-run. */
  readonly isRerun: boolean;
  /** The event brought its GitHub token, which is not stored: the run is attempted once, and cannot wait. */
  readonly hasOwnToken: boolean;
  /** Aborts when the attempt is over, or when the service is about to stop. Hand it to `fetch` and the like. */
  readonly signal: AbortSignal;
  /** The environment variables that the workflow declares in its own `env`; each has a value. */
  readonly env: { readonly [Name in EnvName]: string };
  /** Lines of the run's log, and of the service's. Up to 200 lines and 64 KB per attempt; what is beyond is counted. */
  readonly log: RunLog;
  /**
   * Does something once: its result is kept with the run, and a later attempt gets the result without doing it again.
   * Names are unique within a run. Results are kept as JSON, and given as JSON in the first attempt too: a Date comes
   * out as text, and a token as `***`. Side effects go last, one a step.
   */
  step<Result>(name: string, work: () => Promise<Result> | Result): Promise<Result>;
  /**
   * The paths of the files that the event has changed: of a pull request, a push or a merge group. Of a renamed file the new
   * path; files that are gone are among them. Remembered like a step: a run costs one request per 100 files. GitHub shows up
   * to 3,000 files of a pull request and 300 of a push.
   * @throws PermanentFailure when the event changes no files, or something else has started the run.
   */
  changedFiles(): Promise<readonly string[]>;
  /**
   * Waits for a length of time, or until a time of the wall clock. Like every wait it has a name, unique among the run's
   * steps and waits. The attempt ends meanwhile, and a later one continues from here: what stands before it runs again,
   * except steps and waits that are done. `finally` blocks do not run when an attempt ends so.
   */
  sleep(name: string, length: Duration | Date): Promise<void>;
  /**
   * Waits until `check` gives a result other than undefined, and resolves with it, as JSON. `check` is called at once, at
   * each interval, and whenever an event comes for what `wakeOn` names: an event that is lost, early or late costs time,
   * never the result. With `wakeOn` it is called again after five seconds, for an event that came during the first call. What
   * it throws fails the attempt as usual.
   * @throws PermanentFailure when it gave none in time.
   */
  waitUntil<Result>(
    name: string,
    check: () => Promise<Result | undefined> | Result | undefined,
    options?: WaitUntilOptions,
  ): Promise<Result>;
  /**
   * Resolves once a GET of the URL is answered as wanted: previews are often announced before they answer. Asks once a
   * second at first; after ten seconds it is a wait like `waitUntil`, which asks every ten. Within a step, and in a run
   * that brought its token, all of it happens within the attempt.
   * @throws TransientFailure when it never was: the run is attempted again later.
   */
  waitFor(url: string | URL, options?: WaitForOptions): Promise<void>;
  /**
   * Makes a URL that another system, or a person, can answer once. Hand it on, then `await result()`, which resolves with
   * the body that was sent. Needs PUBLIC_URL. Who has the URL can answer: treat it as a secret.
   * `result` throws PermanentFailure when no answer came in time.
   */
  callback<Body = Json>(name: string, options?: CallbackOptions<Body>): Promise<OpenCallback<Body>>;
  /**
   * The platform's `fetch`, within the attempt: it ends with that, and goes by the proxy of the settings. Any status resolves,
   * redirects are followed as `fetch` does, and an answer may have 50 MB. A GET or HEAD that meets a passing fault, or
   * a 5xx, is sent twice more. In a dry run anything else is shown, and answered with 200 and `{}`.
   * @throws TransientFailure without an answer, so that the run is attempted again later; PermanentFailure for a request that cannot be
   * made. Neither shows the query, or what looks like a secret in the path.
   */
  fetch(url: string | URL, init?: RequestInit): Promise<Response>;
  /**
   * Posts a text to an incoming webhook of Slack, Discord or Teams, or of what takes Slack's form: `await notify(env.SLACK_URL,
   * "**done**: [the run](https://…)")`. The text may have Markdown's links and bold; it is cut to what the chat takes, and
   * in these three it notifies no one. Is not remembered: within a `step` it is posted once.
   * @throws LimitReached when the chat asks for patience; PermanentFailure when it rejects the text.
   */
  notify(url: string | URL, text: string): Promise<void>;
  /**
   * Marks this run with a key, and tells the id of a run of the same workflow that succeeded with the same key within
   * the last so many seconds: the way to absorb repeats. When the key is known from the event alone, the option
   * `dedupe` is simpler.
   */
  repeatOf(key: string, seconds: number): Promise<string | undefined>;
  /**
   * Says what the check or the status of this run shows, when its workflow has the option `report`. It is written when the
   * attempt ends. Of several titles and summaries the latest counts; annotations are added. Call it outside of steps: a later
   * attempt does not repeat what stands in one.
   */
  report(report: RunReport): void;
};

export type Runs = {
  /**
   * Starts a run of another workflow of this service that has the trigger `call`, once in this run. The run is stored when
   * the promise resolves.
   * @param inputs what its schema takes.
   * @param options.id of the new run, a UUID; without it one is made. The same workflow is started again only with another id
   * or name.
   * @returns its id.
   */
  start(workflow: string, inputs: Json, options?: { readonly id?: string; readonly name?: string }): Promise<string>;
  /** The newest run of a workflow that is queued, running or waiting in a concurrency group; undefined when there is none. */
  open(workflow: string, group: string): Promise<{ readonly id: string; readonly input: Json } | undefined>;
  /** The newest run of a workflow in a concurrency group, also when it has ended; undefined when there is none. */
  newest(workflow: string, group: string): Promise<{ readonly id: string; readonly input: Json } | undefined>;
};

export type WaitUntilOptions = {
  /** How often `check` is called when no event comes; 1 minute without it, at least 1 second. */
  readonly every?: Duration;
  /** For how long; 1 day without it. */
  readonly timeout?: Duration;
  /** Events at GitHub upon which it is called, too. Needs the webhook of the repository. */
  readonly wakeOn?: WakeOn;
};

export type WaitForOptions = {
  /** Which answer is wanted; without it any 2xx. Redirects are not followed. */
  readonly until?: (answer: { readonly status: number; readonly text: string }) => boolean;
  /** How long it is asked; 2 minutes without it. */
  readonly timeout?: Duration;
  /** How often it is asked after the first ten seconds; every 10 seconds without it. */
  readonly every?: Duration;
  /** The name of the wait; without it the URL. */
  readonly name?: string;
};

export type CallbackOptions<Body> = {
  /** What the answer must be: a schema of zod 4. Without it any JSON is. */
  readonly body?: Schema<Body>;
  /** How long `result` waits; 7 days without it. */
  readonly timeout?: Duration;
};

export type OpenCallback<Body> = {
  /** Takes one `POST` with the body as JSON; a person who opens it in a browser gets a form. */
  readonly url: string;
  result(): Promise<Body>;
};

export type RunLog = {
  [Level in "debug" | "info" | "warn" | "error"]: (message: string, facts?: Readonly<Record<string, unknown>>) => void;
};
