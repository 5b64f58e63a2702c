import type { Chain } from "../chain.ts";
import type { FoundEvents, Heard, IgnoredEvent } from "../events.ts";
import type { Count } from "../history.ts";
import type { Outage } from "../outage.ts";
import type { RejectedKind } from "../overview.ts";
import type { ListedRun } from "../run.ts";
import type { Paused } from "../run-actions.ts";
import type { Search } from "../search.ts";
import type { BrokenFile } from "../workflow-file.ts";

/** Why nothing happened, or what happened: an answer of one or two sentences, and the findings behind it. */
export type Why = {
  /** The text of the question. */
  readonly text: string;
  /** Whether the service has a run, or an event that started no run, for the question. */
  readonly isKnown: boolean;
  readonly answer: string;
  /** The most important finding comes first. */
  readonly findings: readonly Finding[];
};

export const FINDING_KINDS = [
  ...(["question", "run", "preview", "rejected", "ignored", "broken", "skips"] as const),
  ...(["heard", "silent", "check", "kept"] as const),
] as const;

export type Finding = {
  readonly what: (typeof FINDING_KINDS)[number];
  /** One to three sentences. */
  readonly text: string;
  /** Epoch milliseconds. */
  readonly at?: number | undefined;
  /** A path of the service, or the address of another site's page. */
  readonly link?: { readonly href: string; readonly text: string } | undefined;
  /** A shell command to copy. */
  readonly command?: string | undefined;
};

/**
 * Answers questions about events that started no run. Times of day in a text are in the given zone, by default in UTC.
 */
export type Answers = {
  /** Answers "why did nothing happen?" for what the text names. */
  why(text: string, zone?: string): Promise<Why>;
  events(text: string, page: { limit: number; cursor?: string | undefined }, zone?: string): Promise<FoundEvents>;
};

/** Finds the finding that has the answer's words, so that a reader sees them once. The rest are `others`. */
export function saidOf<Each extends { readonly text: string }>(
  answer: string,
  findings: readonly Each[],
): { readonly known: Each | undefined; readonly others: readonly Each[] } {
  const known = findings.find(({ text }) => text === answer);
  return { known, others: findings.filter((each) => each !== known) };
}

/** What the service knows that can explain why nothing happened. Times are epoch milliseconds. */
export type Facts = {
  readonly now: number;
  readonly text: string;
  readonly search: Search;
  /** A few matching runs, newest first. */
  readonly runs: readonly ListedRun[];
  /** How many runs the search does not cover yet, such as after an upgrade. */
  readonly unsearched?: Count | undefined;
  /** The search took too long: it found nothing so far and did not look through all runs. */
  readonly isCut?: boolean | undefined;
  /** The application's newest preview. */
  readonly preview: Chain | undefined;
  readonly rejected: readonly RejectedKind[];
  /** A few matching events, newest first. */
  readonly ignored: readonly IgnoredEvent[];
  readonly heard: { readonly since: number; readonly sources: readonly Heard[] };
  readonly paused: readonly Paused[];
  /** GitHub's current outage, if it lasts. */
  readonly outage: Outage | undefined;
  readonly workflows: readonly KnownWorkflow[];
  readonly broken: readonly BrokenFile[];
  readonly retainDays: number;
  readonly takesWebhooks: boolean;
  /** The address of GitHub's pages, without a slash at the end. */
  readonly gitHubUrl: string;
  /** The address at which callers reach the service, if it is set. */
  readonly publicUrl: string | undefined;
};

export type KnownWorkflow = {
  readonly name: string;
  readonly paths: readonly (readonly [path: string, kind: "http" | "flux"])[];
  /** The prefix of application names; undefined if the workflow is not about applications. */
  readonly prefix: string | undefined;
  /** The GitHub events that the workflow handles. */
  readonly events: readonly string[];
  readonly hasSchedule: boolean;
};
