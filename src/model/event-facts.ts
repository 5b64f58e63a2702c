import { isCommitHash, ownerAndName } from "./github-names.ts";
import type { WebhookName } from "./webhooks.ts";

/** What a GitHub event is about. A field is missing if the event has no such thing. */
export type EventFacts = {
  /** The repository, `owner/name`. */
  readonly repository?: string;
  /** The same as parameters of GitHub's routes: `{ ...repo, issue_number: issue }`. */
  readonly repo?: Repo;
  /** The number of the issue, or of the pull request, which is also an issue. */
  readonly issue?: number;
  /** The number of the pull request. */
  readonly pull?: number;
  /**
   * The full hash of the commit: a pull request's head, the result of a push, or the commit of a check, status, commit
   * comment, deployment, merge group or Actions run.
   */
  readonly sha?: string;
};

/** A repository as parameters of GitHub's routes. `repo` is its name without the owner. */
export type Repo = { readonly owner: string; readonly repo: string };

/**
 * The same for certain events: a fact that some of them lack may be undefined. A run always has a repository: if its
 * event names none, the workflow or TARGET_REPO does.
 */
export type FactsOf<Name extends WebhookName> = {
  readonly repository: string;
  readonly repo: Repo;
  readonly issue: [Name] extends [AboutIssue | AboutPull] ? number : number | undefined;
  readonly pull: [Name] extends [AboutPull] ? number : number | undefined;
  readonly sha: [Name] extends [AboutPull | AboutCommit] ? string : string | undefined;
};

/** The events whose payload always has a pull request. */
export const ABOUT_PULL = [
  ...(["pull_request", "pull_request_review"] as const),
  ...(["pull_request_review_comment", "pull_request_review_thread"] as const),
] as const satisfies WebhookName[];

type AboutPull = (typeof ABOUT_PULL)[number];
type AboutIssue = "issues" | "issue_comment";
type AboutCommit =
  | ("check_run" | "check_suite" | "commit_comment" | "deployment" | "deployment_status")
  | ("merge_group" | "status" | "workflow_job" | "workflow_run");

/** What a delivery is about. Its sender wrote the payload, so a field that does not look like GitHub's is missing. */
export function eventFacts({ name, payload }: { readonly name: string; readonly payload: unknown }): EventFacts {
  const repository = text(at(payload, "repository", "full_name"));
  const ofPull = number(at(payload, "pull_request", "number"));
  const ofIssue = number(at(payload, "issue", "number"));
  const pull = ofPull ?? (at(payload, "issue", "pull_request") ? ofIssue : undefined);
  const issue = ofIssue ?? pull;
  const sha = text(at(payload, ...(SHA_AT[name] ?? ["pull_request", "head", "sha"])));
  return {
    ...(repository !== undefined && { repository, repo: ownerAndName(repository) }),
    ...(issue !== undefined && { issue }),
    ...(pull !== undefined && { pull }),
    // A deleted branch has a commit of zeros.
    ...(sha !== undefined && isCommitHash(sha) && /[^0]/.test(sha) && { sha }),
  };
}

/** Whether events with this name may be about a commit, or about a pull request, which has one. */
export function mayHaveCommit(name: string): boolean {
  return name in SHA_AT || name === "issue_comment" || name.startsWith("pull_request");
}

/** Where the payload has the commit, for events that are not about a pull request. */
const SHA_AT: Readonly<Record<string, readonly string[]>> = {
  check_run: ["check_run", "head_sha"],
  check_suite: ["check_suite", "head_sha"],
  commit_comment: ["comment", "commit_id"],
  deployment: ["deployment", "sha"],
  deployment_status: ["deployment", "sha"],
  merge_group: ["merge_group", "head_sha"],
  push: ["after"],
  status: ["sha"],
  workflow_job: ["workflow_job", "head_sha"],
  workflow_run: ["workflow_run", "head_sha"],
};

/** The value at a path of JSON with any shape. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>)[name] : undefined,
    value,
  );
}

const text = (value: unknown) => (typeof value === "string" ? value : undefined);
const number = (value: unknown) => (typeof value === "number" ? value : undefined);
