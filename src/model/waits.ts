import { at } from "./event-facts.ts";
import { PermanentFailure } from "./failure.ts";
import { isCommitHash, isRepositoryName } from "./github-names.ts";
import { keysIn } from "./run-names.ts";

/**
 * What an event at GitHub must be about to wake a waiting run:
 * - a workflow run, by its `id`, or by a `key`, which is a word in its name. Without both, any run of the repository.
 * - a pull request, a deployment, or the checks and statuses of a commit.
 *
 * Repositories are written `owner/name`, and `sha` is the full hash.
 */
export type WakeOn = WakeSubject | readonly WakeSubject[];

type WakeSubject =
  | { readonly workflowRun: { readonly repository: string; readonly id?: number; readonly key?: string } }
  | { readonly pullRequest: { readonly repository: string; readonly number: number } }
  | { readonly deployment: { readonly repository: string; readonly id: number } }
  | { readonly check: { readonly repository: string; readonly sha: string } };

/** Wakes the runs of a workflow that waited because its file was broken. */
export function wakeKeyOfWorkflow(name: string): string {
  return `workflow ${name.toLowerCase()}`;
}

/**
 * The keys by which events find the waiting run.
 * @throws PermanentFailure if no event could ever match a name.
 */
export function wakeKeys(wakeOn: WakeOn): readonly string[] {
  const subjects = (Array.isArray(wakeOn) ? wakeOn : [wakeOn]) as readonly WakeSubject[];
  return [...new Set(subjects.map(keyOf))];
}

function keyOf(subject: WakeSubject): string {
  if ("workflowRun" in subject) {
    const { repository, id, key: word } = subject.workflowRun;
    if (word !== undefined) return key("workflow_run", named(repository), keyed(word));
    return key("workflow_run", named(repository), id === undefined ? ANY : numbered("id", id));
  }
  if ("pullRequest" in subject) {
    const { repository, number } = subject.pullRequest;
    return key("pull_request", named(repository), numbered("number", number));
  }
  if ("deployment" in subject) {
    const { repository, id } = subject.deployment;
    return key("deployment", named(repository), numbered("id", id));
  }
  if ("check" in subject) {
    const { repository, sha } = subject.check;
    return key("check", named(repository), isCommitHash(sha) ? sha : mistaken("sha", "the full SHA of a commit", sha));
  }
  return mistaken("wakeOn", "workflowRun, pullRequest, deployment or check", JSON.stringify(subject));
}

/** Matches all workflow runs of a repository. */
const ANY = "*";

const key = (what: string, repository: string, which: string | number) =>
  `${what} ${repository} ${which}`.toLowerCase();

function named(repository: string): string {
  return isRepositoryName(repository) ? repository : mistaken("repository", "owner/name", repository);
}

/** A key that `keysIn` can find in a run's name. */
function keyed(word: string): string {
  return /^\w([\w.:-]{0,98}\w)?$/.test(word)
    ? word
    : mistaken("key", "a word of up to 100 letters, digits, and . _ : -", word);
}

function numbered(name: string, value: number): number {
  return Number.isSafeInteger(value) && value > 0 ? value : mistaken(name, "a GitHub number", value);
}

function mistaken(name: string, expected: string, got: unknown): never {
  throw new PermanentFailure({
    tried: "waiting for an event (wakeOn)",
    happened: `${name}: expected ${expected}, got ${String(got)}`,
    remedy: "Fix it in the workflow.",
  });
}

/** The keys of the runs that a webhook delivery wakes; none for most events. The sender wrote the payload. */
export function wakeKeysOf({ name, payload }: { readonly name: string; readonly payload: unknown }): readonly string[] {
  const repository = at(payload, "repository", "full_name");
  if (typeof repository !== "string") return [];
  const about = (what: string, which: unknown) =>
    typeof which === "string" || typeof which === "number" ? [key(what, repository, which)] : [];
  switch (name) {
    case "workflow_run":
      return workflowRunKeys(
        repository,
        at(payload, "workflow_run", "id"),
        at(payload, "workflow_run", "display_title"),
      );
    case "workflow_job":
      return workflowRunKeys(repository, at(payload, "workflow_job", "run_id"), undefined);
    case "pull_request":
    case "pull_request_review":
    case "pull_request_review_comment":
    case "pull_request_review_thread":
      return about("pull_request", at(payload, "pull_request", "number"));
    case "issue_comment":
      return at(payload, "issue", "pull_request") ? about("pull_request", at(payload, "issue", "number")) : [];
    case "deployment":
    case "deployment_status":
      return about("deployment", at(payload, "deployment", "id"));
    case "check_run":
      return about("check", at(payload, "check_run", "head_sha"));
    case "check_suite":
      return about("check", at(payload, "check_suite", "head_sha"));
    case "status":
      return about("check", at(payload, "sha"));
    default:
      return [];
  }
}

/**
 * The keys of the runs that a GitHub workflow run wakes: by its id, by the words in its name, and by its repository.
 */
export function workflowRunKeys(repository: string, id: unknown, title: unknown): readonly string[] {
  if (typeof id !== "number" && typeof id !== "string") return [];
  const words = typeof title === "string" ? keysIn(title) : [];
  return [...new Set([id, ANY, ...words].map((which) => key("workflow_run", repository, which)))];
}
