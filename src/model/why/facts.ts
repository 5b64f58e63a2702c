import type { Chain } from "../chain.ts";
import type { FoundEvents, Heard, IgnoredEvent } from "../events.ts";
import type { Count } from "../history.ts";
import type { Outage } from "../outage.ts";
import type { RejectedKind } from "../overview.ts";
import type { ListedRun } from "../run.ts";
import type { Paused } from "../run-actions.ts";
import type { Search } from "../search.ts";
import type { BrokenFile } from "../workflow-file.ts";

/** Why nothing happened, or what did: the answer in a sentence or two, and what it is known by. */
export type Why = {
  /** What was asked. */
  readonly text: string;
  /** Whether a run of what was asked for is known, or an event that started none. */
  readonly isKnown: boolean;
  readonly answer: string;
  /** What matters most first. */
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
  /** When, epoch milliseconds. */
  readonly at?: number | undefined;
  /** A path of the service, or the address of a page elsewhere. */
  readonly link?: { readonly href: string; readonly text: string } | undefined;
  /** To copy into a shell. */
  readonly command?: string | undefined;
};

/** What is answered about what started no run. Times of day in a text are meant in the zone; in UTC without it. */
export type Answers = {
  /** Why nothing happened, or what did, to what a text names. */
  why(text: string, zone?: string): Promise<Why>;
  events(text: string, page: { limit: number; cursor?: string | undefined }, zone?: string): Promise<FoundEvents>;
};

/** The finding that says the answer, so that it is not said twice, and the others. */
export function saidOf<Each extends { readonly text: string }>(
  answer: string,
  findings: readonly Each[],
): { readonly known: Each | undefined; readonly others: readonly Each[] } {
  const known = findings.find(({ text }) => text === answer);
  return { known, others: findings.filter((each) => each !== known) };
}

/** What is known to the service, as far as it may say why nothing happened. Times are epoch milliseconds. */
export type Facts = {
  readonly now: number;
  readonly text: string;
  readonly search: Search;
  /** Those that match, newest first, a few. */
  readonly runs: readonly ListedRun[];
  /** So many runs the search does not know yet, such as after an upgrade. */
  readonly unsearched?: Count | undefined;
  /** None was found so far, and not all were looked through: the search took too long. */
  readonly isCut?: boolean | undefined;
  /** The newest preview of an application. */
  readonly preview: Chain | undefined;
  readonly rejected: readonly RejectedKind[];
  /** Those that match, newest first, a few. */
  readonly ignored: readonly IgnoredEvent[];
  readonly heard: { readonly since: number; readonly sources: readonly Heard[] };
  readonly paused: readonly Paused[];
  /** Of GitHub, one that lasts. */
  readonly outage: Outage | undefined;
  readonly workflows: readonly KnownWorkflow[];
  readonly broken: readonly BrokenFile[];
  readonly retainDays: number;
  readonly takesWebhooks: boolean;
  /** Of GitHub's pages, without a slash at the end. */
  readonly gitHubUrl: string;
  /** Where callers reach the service, if that was set. */
  readonly publicUrl: string | undefined;
};

export type KnownWorkflow = {
  readonly name: string;
  readonly paths: readonly (readonly [path: string, kind: "http" | "flux"])[];
  /** Names of applications begin so; undefined where it is not about applications. */
  readonly prefix: string | undefined;
  /** Names of GitHub's events that it is for. */
  readonly events: readonly string[];
  readonly hasSchedule: boolean;
};
