import { type FollowedJob, type FollowedRun, hasPassed } from "../index.ts";

/** The state of the tests of a preview, for all places that show it. */
export type Result = {
  /** As in a commit status. */
  readonly state: "pending" | "success" | "failure" | "error";
  /** One or two words: `running`, `success`, `timed out`, `no run`. */
  readonly word: string;
  /** The same as a sentence, for people. */
  readonly text: string;
  /** The page of the Actions run, once it is known. */
  readonly actionsUrl?: string | undefined;
  /** Set if the tests have ended. */
  readonly ended?: FollowedRun;
  /** The environment is gone, or has another commit. */
  readonly isObsolete?: true;
};

export const STARTED: Result = { state: "pending", word: "started", text: "The tests are started." };

export function running(actionsUrl: string): Result {
  return { state: "pending", word: "running", text: "The tests are running.", actionsUrl };
}

const FAILED = ["failure", "startup_failure"];

/** The Actions run has ended. */
export function result(ended: FollowedRun): Result {
  const { conclusion } = ended;
  const state = hasPassed(ended) ? "success" : FAILED.includes(conclusion) ? "failure" : "error";
  const word = conclusion.replaceAll("_", " ");
  return { state, word, text: sentence(ended), actionsUrl: ended.htmlUrl, ended };
}

function sentence(ended: FollowedRun): string {
  const after = took(ended);
  switch (ended.conclusion) {
    case "success":
      return `The tests passed in ${after}.`;
    case "failure": {
      const jobs = failedJobs(ended);
      return jobs.length === 0
        ? `The tests failed after ${after}.`
        : `The tests failed after ${after}: ${jobs.map(nameOf).join(", ")}.`;
    }
    case "cancelled":
      return `The tests were cancelled after ${after}.`;
    case "timed_out":
      return `The tests timed out after ${after}.`;
    case "skipped":
      return "The tests were skipped.";
    case "startup_failure":
      return "The workflow of the tests could not start.";
    default:
      return `The tests ended with ${ended.conclusion.replaceAll("_", " ")} after ${after}.`;
  }
}

/** The tests produced no result, and why. */
export function broken(why: string, word: string, actionsUrl: string | undefined): Result {
  return { state: "error", word, text: why, actionsUrl };
}

/** The tests were given up because their environment has changed. */
export function obsolete(why: string, word: string, actionsUrl?: string): Result {
  return { state: "error", word, text: why, actionsUrl, isObsolete: true };
}

/**
 * Jobs that kept the run from passing, the failed ones first. Jobs that were cut off because of them are included only
 * if no job failed.
 */
export function failedJobs({ jobs }: Pick<FollowedRun, "jobs">): readonly FollowedJob[] {
  const failed = jobs.filter(({ conclusion }) => ["failure", "timed_out", "startup_failure"].includes(conclusion));
  return failed.length > 0 ? failed : jobs.filter((job) => !hasPassed(job));
}

/** Whole or not at all: part of a token in a shortened name would not be recognised. */
export function nameOf({ name }: Pick<FollowedJob, "name">): string {
  return name.length <= MAX_NAME_CHARACTERS ? name : `a job with a name of ${name.length} characters`;
}

const MAX_NAME_CHARACTERS = 100;

/** How long a run took: `4 min 12 s`. */
export function took({ startedAt, endedAt }: Pick<FollowedRun, "startedAt" | "endedAt">): string {
  const seconds = Math.max(0, Math.round((Date.parse(endedAt) - Date.parse(startedAt)) / 1000)) || 0;
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
