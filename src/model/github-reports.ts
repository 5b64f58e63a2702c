/** @see https://docs.github.com/en/rest/commits/statuses#create-a-commit-status */
export type CommitStatus = {
  /** `owner/name`, also in the types below. */
  readonly repository: string;
  /** The full SHA. */
  readonly sha: string;
  /** The subject of the status: `gh-runner/preview`. */
  readonly context: string;
  readonly state: "pending" | "success" | "failure" | "error";
  /** Cut to GitHub's limit of 140 characters. */
  readonly description?: string | undefined;
  readonly targetUrl?: string | undefined;
};

/** @see https://docs.github.com/en/rest/checks/runs */
export type CommitCheck = {
  readonly repository: string;
  readonly sha: string;
  readonly name: string;
  /** Distinguishes checks with the same name on one commit. This is GitHub's `external_id`. */
  readonly key: string;
  readonly status: "queued" | "in_progress" | "completed";
  /** For a completed check. */
  readonly conclusion?: "success" | "failure" | "neutral" | "cancelled" | "skipped" | "timed_out" | "action_required";
  /** Cut to 255 characters. */
  readonly title: string;
  /** Markdown, cut to GitHub's limit of 65,535 characters. */
  readonly summary: string;
  readonly detailsUrl?: string | undefined;
  /** For a completed check: the first 1,000 are written, and the summary counts the others. */
  readonly annotations?: readonly Annotation[] | undefined;
};

/** A remark that GitHub shows next to lines of a file. */
export type Annotation = {
  /** From the repository's root: `src/main.ts`. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** The last of several lines. */
  readonly endLine?: number;
  readonly message: string;
  readonly title?: string;
  readonly level: "notice" | "warning" | "failure";
};

/** @see https://docs.github.com/en/rest/issues/comments */
export type KeyedComment = {
  readonly repository: string;
  /** The number of the issue or pull request. */
  readonly number: number;
  /** Letters, digits, `.`, `_`, `/` and `-`, up to 100 characters. */
  readonly key: string;
  /** Markdown, cut to GitHub's limit of 65,536 characters. */
  readonly body: string;
};

/** @see https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status */
export type DeploymentState = {
  readonly repository: string;
  readonly sha: string;
  /** The name of the environment: `pr-1234`. */
  readonly environment: string;
  /** One deployment per environment, commit and key. */
  readonly key: string;
  readonly state: "queued" | "in_progress" | "success" | "failure" | "error" | "inactive";
  readonly environmentUrl?: string | undefined;
  readonly logUrl?: string | undefined;
  /** Cut to GitHub's limit of 140 characters. */
  readonly description?: string | undefined;
};
