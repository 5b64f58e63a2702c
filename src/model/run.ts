/** What JSON can carry: the only values that cross from a workflow into its history and its answers. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The HTTP status that a caller who waits for a failed run is answered with. */
export type FailureStatus = 404 | 500;

/** `permanent`: a person must act. `transient`: time may help. `limit`: GitHub asked for silence until a time. */
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
      /** Where in the workflow it was thrown: the error, then a frame each. */
      readonly stack?: readonly string[];
      /** The failed attempt after which the run ends; only with `transient`. */
      readonly attempts?: number;
    };

export const RUN_STATUSES = ["queued", "running", "success", "skipped", "failure", "superseded"] as const;

export type RunStatus = (typeof RUN_STATUSES)[number];

/** One event on its way through a workflow. All times are epoch milliseconds. */
export type Run = {
  readonly id: string;
  readonly workflow: string;
  /** Concurrency group; runs without one never wait for each other. */
  readonly group: string | undefined;
  readonly input: Json;
  /** It brought its GitHub token, which is not stored: it is attempted once. */
  readonly ownToken: boolean;
  readonly status: RunStatus;
  readonly acceptedAt: number;
  /** When the next attempt is due, while it is queued. */
  readonly dueAt: number | undefined;
  /** Start of the latest attempt. */
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Attempts begun so far. */
  readonly attempts: number;
  /** Failed attempts since `retriesFrom`; limits do not count. */
  readonly failures: number;
  /** When it was accepted, last joined by the same event, or last re-run: retries end so many hours after this. */
  readonly retriesFrom: number;
  readonly outputs: Json | undefined;
  /** Why it was skipped, failed, or waits for another attempt. */
  readonly reason: string | undefined;
  readonly http: FailureStatus | undefined;
  readonly kind: FailureKind | undefined;
  /** The newer run that took its place. */
  readonly supersededBy: string | undefined;
  /** What tracing noted about the event, so that later attempts belong to its trace. Nothing else reads it. */
  readonly trace?: string | undefined;
};

/** A run as a list shows it. What it was given may be a webhook's payload, megabytes for each. */
export type ListedRun = Omit<Run, "input">;

/** One execution of a run, as its history shows it. */
export type Attempt = {
  readonly number: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** `interrupted`: the process ended before the attempt did. `stopped`: given back when the service was stopped. */
  readonly outcome: "success" | "skipped" | "failure" | "interrupted" | "stopped";
  readonly reason: string | undefined;
  readonly kind: FailureKind | undefined;
  /** `x-github-request-id` of GitHub's last answer. */
  readonly githubRequestId: string | undefined;
  /** Where in the workflow it threw: the error with its frames, those of the workflow's file first. */
  readonly stack?: string | undefined;
};

/** One `step` of a run. Its result is kept, so that a later attempt does not repeat it. */
export type Step = {
  readonly name: string;
  readonly attempt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly result: Json | undefined;
  readonly error: string | undefined;
};
