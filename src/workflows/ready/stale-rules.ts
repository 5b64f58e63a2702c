import { KEYED } from "../../model/comment-key.ts";
import { has, same } from "./lists.ts";
import type { StaleRules } from "./stale-options.ts";
import type { Thread } from "./threads.ts";

/** What the thread alone says. */
export type Standing = {
  /** `exempt`: it is left alone. `fresh`: not stale yet. `due`: it becomes stale. `stale`: it has the label. */
  readonly is: "exempt" | "fresh" | "due" | "stale";
  /** The reason, for a log. */
  readonly why: string;
  /** The label of closed threads, if an open thread has it. */
  readonly takeOff: string | undefined;
};

const DAY_MS = 86_400_000;

/** How far apart a label and the update that it causes may be. */
const TOLERANCE_MS = 15_000;

/** The state of a thread at a time (epoch milliseconds). */
export function standingOf(thread: Thread, rules: StaleRules, now: number): Standing {
  const before = exemptFirst(thread, rules);
  if (before !== undefined) return { is: "exempt", why: before, takeOff: undefined };
  const { closeLabel, staleLabel } = rules;
  const isClosing = closeLabel !== "" && !same(closeLabel, staleLabel);
  const takeOff = isClosing ? thread.labels.find((each) => same(each, closeLabel)) : undefined;
  const why = exemptThen(thread, rules);
  if (why !== undefined) return { is: "exempt", why, takeOff };
  if (has(thread.labels, staleLabel)) return { is: "stale", why: `it has the label ${staleLabel}`, takeOff };
  const { daysBeforeStale: days, ignoreUpdates } = rules;
  const since = ignoreUpdates ? thread.createdAt : thread.updatedAt;
  const age = `${ignoreUpdates ? "created" : "last updated"} ${daysOf(now - since)} days ago`;
  return { is: days >= 0 && isOlder(since, days, now) ? "due" : "fresh", why: age, takeOff };
}

/** Reasons that also keep the label of closed threads. */
function exemptFirst({ isPull, isOpen, isLocked, assignees, type, labels }: Thread, rules: StaleRules) {
  if (!isOpen) return "it is closed";
  if (isLocked) return "it is locked";
  if (rules.onlyAssigned && assignees.length === 0) return "it has no assignee (includeOnlyAssigned)";
  if (!isPull && rules.onlyTypes.length > 0 && !has(rules.onlyTypes, type ?? "")) {
    return `its type is ${type ?? "none"} (onlyIssueTypes)`;
  }
  const missing = rules.onlyLabels.find((each) => !has(labels, each));
  return missing === undefined ? undefined : `it does not have the label ${missing} (onlyLabels)`;
}

function exemptThen(thread: Thread, rules: StaleRules): string | undefined {
  const { labels, milestone, assignees } = thread;
  if (rules.startDate !== undefined && thread.createdAt <= rules.startDate) return "it is older than startDate";
  const label = rules.exemptLabels.find((each) => has(labels, each));
  if (label !== undefined) return `it has the label ${label} (exemptLabels)`;
  if (rules.anyOfLabels.length > 0 && !rules.anyOfLabels.some((each) => has(labels, each))) {
    return "it has none of the labels (anyOfLabels)";
  }
  if (milestone !== undefined && (rules.exemptAllMilestones || has(rules.exemptMilestones, milestone))) {
    return `it has the milestone ${milestone}`;
  }
  const assignee = rules.exemptAllAssignees ? assignees[0] : assignees.find((each) => has(rules.exemptAssignees, each));
  if (assignee !== undefined) return `${assignee} is assigned`;
  return rules.exemptDrafts && thread.isDraft ? "it is a draft" : undefined;
}

/** What has happened to a stale thread. Times are epoch milliseconds. */
export type Evidence = {
  readonly events: readonly { readonly event: string; readonly at: number; readonly label: string | undefined }[];
  /** Comments that were written or changed since `markedAt`. */
  readonly comments: readonly { readonly at: number; readonly isByPerson: boolean; readonly body: string }[];
  /** This run has announced that it closes the thread, and was interrupted. */
  readonly isClosing: boolean;
};

/** When it last got the label. Undefined if the events do not show it. */
export function markedAt({ events }: Pick<Evidence, "events">, staleLabel: string): number | undefined {
  const marked = events.filter(({ event, label }) => event === "labeled" && same(label ?? "", staleLabel));
  return marked.length === 0 ? undefined : Math.max(...marked.map(({ at }) => at));
}

export type Verdict = { readonly is: "unstale" | "close" | "wait"; readonly why: string };

/**
 * What to do with a stale thread. These are not activity: comments of bots, the message about stale threads, comments
 * of this service with a key, and the label itself.
 */
export function verdictOn(thread: Thread, rules: StaleRules, evidence: Evidence, now: number): Verdict {
  const marked = markedAt(evidence, rules.staleLabel) ?? thread.updatedAt;
  const isCommented = evidence.comments.some((comment) => isActivity(comment, rules.staleMessage));
  const activity = isCommented ? "a comment" : isUpdated(thread, evidence, marked) ? "an update" : undefined;
  if (rules.removeWhenUpdated && activity !== undefined && !(evidence.isClosing && !isCommented)) {
    return { is: "unstale", why: `${activity} since it became stale` };
  }
  const { daysBeforeClose: days } = rules;
  if (days < 0) return { is: "wait", why: "it is never closed (daysBeforeClose)" };
  if (isCommented) return { is: "wait", why: "a comment since it became stale" };
  const age = `stale for ${daysOf(now - marked)} days`;
  return { is: evidence.isClosing || isOlder(thread.updatedAt, days, now) ? "close" : "wait", why: age };
}

export function isActivity(
  { isByPerson, body }: Pick<Evidence["comments"][number], "isByPerson" | "body">,
  message: string,
): boolean {
  return isByPerson && !body.startsWith(KEYED) && plain(body) !== plain(message);
}

/**
 * Updated by something other than the label and comments: an event, or a change without an event, such as a push or an
 * edit.
 */
function isUpdated({ updatedAt }: Thread, { events, comments }: Evidence, marked: number): boolean {
  if (updatedAt <= marked + TOLERANCE_MS) return false;
  const later = events.filter(({ at }) => at > marked + TOLERANCE_MS);
  if (later.length > 0) return true;
  return updatedAt > Math.max(marked, ...comments.map(({ at }) => at)) + TOLERANCE_MS;
}

const isOlder = (since: number, days: number, now: number) => now - since > days * DAY_MS;

const daysOf = (ms: number) => Math.floor(ms / DAY_MS);

const plain = (text: string) => text.replaceAll("\r\n", "\n").trim().toLowerCase();
