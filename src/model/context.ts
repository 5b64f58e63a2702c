import type { Duration } from "./duration.ts";
import type { GitHub } from "./github.ts";

/** What a running workflow is given besides the event that started it. */
export type RunContext<EnvName extends string = string> = {
  readonly github: GitHub;
  /** Id of the run: the same in every attempt. */
  readonly runId: string;
  /** Number of this attempt, from 1. */
  readonly attempt: number;
  /** Aborts when the attempt is over, or when the service is about to stop. Hand it to `fetch` and the like. */
  readonly signal: AbortSignal;
  /** The environment variables that the workflow declares in its own `env`; each has a value. */
  readonly env: { readonly [Name in EnvName]: string };
  /** Lines of the run's log, and of the service's. Up to 200 lines and 64 KB an attempt; what is beyond is counted. */
  readonly log: RunLog;
  /**
   * Does something once: its result is kept with the run, and a later attempt gets the result without doing it again.
   * Names are unique within a run. Results are kept as JSON, and given as JSON in the first attempt too: a Date comes
   * out as text, and a token as `***`. Side effects go last, one a step.
   */
  step<Result>(name: string, work: () => Promise<Result> | Result): Promise<Result>;
  /**
   * Resolves once a GET of the URL is answered as wanted: previews are often announced before they answer. Asks once a
   * second at first, later every ten.
   * @param options.until which answer is wanted; without it any 2xx. Redirects are not followed.
   * @param options.timeout how long to go on, 2 minutes without it.
   * @throws TransientFailure when it never was: the run is attempted again later.
   */
  waitFor(url: string | URL, options?: WaitForOptions): Promise<void>;
  /**
   * Marks this run with a key, and tells the id of a run of the same workflow that succeeded with the same key within
   * the last so many seconds: the way to absorb repeats. When the key is known from the event alone, the option
   * `dedupe` is simpler.
   */
  repeatOf(key: string, seconds: number): Promise<string | undefined>;
};

export type WaitForOptions = {
  readonly until?: (answer: { readonly status: number; readonly text: string }) => boolean;
  readonly timeout?: Duration;
};

export type RunLog = {
  [Level in "debug" | "info" | "warn" | "error"]: (message: string, facts?: Readonly<Record<string, unknown>>) => void;
};
