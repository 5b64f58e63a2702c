/** Any JSON value. Only these values pass from a workflow to its history and its answers. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The HTTP status for a caller that waits for a failed run. */
export type FailureStatus = 404 | 500;

/** `permanent`: a person must act. `transient`: time may help. `limit`: GitHub asked for no requests until a time. */
export type FailureKind = "permanent" | "transient" | "limit";

/** How one execution of a workflow ended. */
export type Outcome =
  | { readonly status: "success"; readonly outputs: Json }
  | { readonly status: "skipped"; readonly reason: string }
  | {
      readonly status: "failure";
      readonly reason: string;
      readonly http: FailureStatus;
      readonly kind: FailureKind;
      /** Epoch milliseconds; only with `limit`. */
      readonly notBefore?: number;
      /** Where in the workflow it was thrown: the error, then one line per frame. */
      readonly stack?: readonly string[];
      /** The number of failed attempts after which the run ends; only with `transient`. */
      readonly attempts?: number;
    }
  | Suspension
  | { readonly status: "cancelled"; readonly reason: string };

/** The run must wait, and the attempt is over. The next one begins when one of the waits may be over. */
export type Suspension = {
  readonly status: "waiting";
  readonly reason: string;
  readonly waits: readonly BegunWait[];
  /** Events that wake it, as written by `wakeKeys` in model/waits.ts. */
  readonly wakeKeys: readonly string[];
  /** It is due again after this many milliseconds, even if none of its waits is over. */
  readonly againInMs?: number;
};

const OPEN_STATUSES = ["queued", "running", "waiting"] as const;
export const ENDED_STATUSES = ["success", "skipped", "failure", "cancelled", "superseded"] as const;
export const RUN_STATUSES = [...OPEN_STATUSES, ...ENDED_STATUSES] as const;

export type RunStatus = (typeof RUN_STATUSES)[number];

/** Whether a run with this status has not ended. */
export function isOpen({ status }: { readonly status: RunStatus }): boolean {
  return (OPEN_STATUSES as readonly RunStatus[]).includes(status);
}

export const TRIGGERS = ["http", "schedule", "github", "flux", "manual", "call"] as const;

/** What started a run. */
export type Trigger = (typeof TRIGGERS)[number];

/** One event on its way through a workflow. All times are epoch milliseconds. */
export type Run = {
  readonly id: string;
  readonly workflow: string;
  /** The concurrency group. Runs without one never wait for each other. */
  readonly group: string | undefined;
  /** Undefined for runs that were accepted before triggers were stored. */
  readonly trigger: Trigger | undefined;
  /** The run's title from its workflow, one line. Runs without a title are named after their group. */
  readonly title?: string | undefined;
  /** Who started it, as far as known: `token argocd`, `schedule`. */
  readonly actor: string | undefined;
  /** The run that this one re-runs with another input. */
  readonly rerunOf: string | undefined;
  readonly input: Json;
  /** It brought its GitHub token, which is not stored, so it is attempted once. */
  readonly ownToken: boolean;
  readonly status: RunStatus;
  readonly acceptedAt: number;
  /** When the next attempt is due, while it is queued or waiting. */
  readonly dueAt: number | undefined;
  /** The start of the latest attempt. */
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** The number of attempts so far. */
  readonly attempts: number;
  /** Failed attempts since `retriesFrom`; limits do not count. */
  readonly failures: number;
  /** When it was accepted, last joined by the same event, or last re-run. The time for retries starts here. */
  readonly retriesFrom: number;
  readonly outputs: Json | undefined;
  /** Why it was skipped, failed or cancelled, or what it waits for. */
  readonly reason: string | undefined;
  readonly http: FailureStatus | undefined;
  readonly kind: FailureKind | undefined;
  /** The newer run that replaced it. */
  readonly supersededBy: string | undefined;
  /** It is cancelled, and its workflow's `cancelled` has not ended yet. */
  readonly cleaningUp?: boolean;
  /** Who cancelled it. While it is still running, its attempt is about to end. */
  readonly cancelledBy?: string;
  /** Tracing data of the event, so that later attempts belong to its trace. Only tracing reads it. */
  readonly trace?: string | undefined;
};

/** A run in a list. Without the input, which may be a webhook's payload with megabytes. */
export type ListedRun = Omit<Run, "input">;

/** One execution of a run, in its history. */
export type Attempt = {
  readonly number: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** `interrupted`: the process ended before the attempt did. `stopped`: given back when the service was stopped. */
  readonly outcome: "success" | "skipped" | "failure" | "waiting" | "cancelled" | "interrupted" | "stopped";
  readonly reason: string | undefined;
  readonly kind: FailureKind | undefined;
  /** `x-github-request-id` of GitHub's last answer. */
  readonly githubRequestId: string | undefined;
  /** Where in the workflow it threw: the error with its frames, those of the workflow's file first. */
  readonly stack?: string | undefined;
  /** What it changed at GitHub, or tried to change. Undefined: nothing, or an older version did not store it. */
  readonly sent?: SentRequests | undefined;
  /** The version of the workflow's code: the first 12 characters of the SHA-256 of its file. */
  readonly code?: string | undefined;
  /** Whether it was the workflow's `cancelled`, not its `run`. */
  readonly handler?: boolean;
};

/** The writes of an attempt, including failed tries. Its reads are not stored. */
export type SentRequests = {
  /** The number of writes. */
  readonly count: number;
  /** The first of them, in the order in which they were sent. */
  readonly requests: readonly SentRequest[];
};

/** A request that changes something at GitHub. */
export type SentRequest = {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly method: string;
  /** Percent-encoded, with the query: `/repos/acme/shop/dispatches`. */
  readonly path: string;
  /** The status of GitHub's answer. Undefined: there was none, and GitHub may still have processed the request. */
  readonly status?: number;
  /** Its first 1,000 characters. */
  readonly body?: string;
  /** Who sent it, unless it was the workflow's `github`. */
  readonly identity?: string;
  /** A dry run showed it instead. */
  readonly heldBack?: true;
};

/** A wait is a step that outlives its attempt. */
export type WaitKind = "sleep" | "waitUntil" | "callback";

/** One step or wait of a run. Its result is stored, so that a later attempt does not repeat it. */
export type Step = {
  readonly name: string;
  readonly kind: "step" | WaitKind;
  /** The attempt in which it began. */
  readonly attempt: number;
  readonly startedAt: number;
  /** Undefined: it has begun, or the wait is not over. */
  readonly endedAt: number | undefined;
  /** The latest time at which a wait ends, by the store's clock. */
  readonly until?: number | undefined;
  readonly result: Json | undefined;
  readonly error: string | undefined;
};

/** Whether a step or wait has begun and will never end: the step's attempt is over, or the run is. */
export function isInterrupted(
  { kind, attempt, endedAt }: Step,
  { run, attempts }: { readonly run: Pick<Run, "endedAt">; readonly attempts: readonly Pick<Attempt, "number">[] },
): boolean {
  if (endedAt !== undefined) return false;
  return run.endedAt !== undefined || (kind === "step" && attempts.some(({ number }) => number === attempt));
}

/** A wait that is not over, as an attempt leaves it. */
export type BegunWait = {
  readonly name: string;
  readonly kind: WaitKind;
  /** The attempt in which it began. */
  readonly attempt: number;
  readonly startedAt: number;
  /**
   * The latest end: after this many milliseconds, or at a time of the wall clock (epoch milliseconds). Ignored if the
   * store already has the wait.
   */
  readonly until: { readonly inMs: number } | { readonly at: number };
  /** The run should look again after this many milliseconds. */
  readonly againInMs?: number;
};

/** Levels of log lines, the least important first. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Whether a line has at least this level. */
export const isAtLeast =
  (least: LogLevel) =>
  ({ level }: { readonly level: LogLevel }): boolean =>
    LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(least);

/** A line that a workflow logged, as the history keeps it. */
export type LogLine = {
  /** From 1 within the attempt. */
  readonly number: number;
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly facts?: { readonly [key: string]: Json } | undefined;
};

/** What an actor did with a run or a workflow. */
export type Action = {
  readonly at: number;
  readonly actor: string;
  readonly action: "started" | "re-run" | "cancelled" | "paused" | "resumed" | "answered";
  readonly details?: string | undefined;
};
