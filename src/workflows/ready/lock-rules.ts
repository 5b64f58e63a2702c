import { KEYED } from "../../model/comment-key.ts";
import { changed, has } from "./lists.ts";
import type { Dates, Kind, LockRules } from "./lock-options.ts";
import type { Comment, Thread } from "./threads.ts";

/** The part of a thread that the rules need. A discussion has it too. Times are epoch milliseconds. */
export type Lockable = Pick<Thread, "isOpen" | "isLocked" | "createdAt" | "updatedAt" | "closedAt" | "labels">;

const DAY_MS = 86_400_000;

/** Why a thread is not locked at a time (epoch milliseconds). Undefined if it is. */
export function whyNot(thread: Lockable, rules: LockRules, now: number): string | undefined {
  if (thread.isOpen) return "it is open";
  if (thread.isLocked) return "it is locked already";
  if (thread.updatedAt >= now - rules.inactiveDays * DAY_MS) return "it is still active";
  const { includeAll, includeAny, excludeAny, created, closed } = rules;
  if (!isIn(thread.createdAt, created)) return "its creation date is excluded";
  if (thread.closedAt !== undefined && !isIn(thread.closedAt, closed)) return "its closing date is excluded";
  const { labels } = thread;
  const missing = includeAll.find((each) => !has(labels, each));
  if (missing !== undefined) return `it does not have the label ${missing}`;
  if (includeAll.length === 0 && includeAny.length > 0 && !includeAny.some((each) => has(labels, each))) {
    return "it has none of the labels";
  }
  const excluded = excludeAny.find((each) => has(labels, each));
  return excluded === undefined ? undefined : `it has the label ${excluded}`;
}

function isIn(time: number, { after, before, outside }: Dates): boolean {
  if (outside) return time < outside[0] || time > outside[1];
  if (after !== undefined && before !== undefined) return time >= after && time <= before;
  return (after === undefined || time > after) && (before === undefined || time < before);
}

/** The labels of a thread when it is locked. */
export function labelsWhenLocked(labels: readonly string[], { addLabels: add, removeLabels: remove }: LockRules) {
  return changed(labels, { add, remove });
}

/**
 * Whether a thread is untouched since it was listed. It may have been updated by an interrupted attempt, but by nothing
 * else.
 */
export function isUntouched(
  { labels, updatedAt }: Pick<Lockable, "labels" | "updatedAt">,
  listedAs: number,
  { comments, hasOwn }: { readonly comments: readonly Comment[]; readonly hasOwn: boolean },
  rules: LockRules,
): boolean {
  if (updatedAt === listedAs) return true;
  if (comments.some(({ at, body }) => at > listedAs && !body.startsWith(KEYED))) return false;
  if (rules.comment !== "") return hasOwn;
  const changes = rules.addLabels.length + rules.removeLabels.length;
  return changes > 0 && labelsWhenLocked(labels, rules).join("\n") === labels.join("\n");
}

/**
 * The query for GitHub's search. It narrows the results, which are checked again.
 * @param before epoch milliseconds: only threads that were last updated then or earlier.
 * @see https://docs.github.com/en/search-github/searching-on-github/searching-issues-and-pull-requests
 */
export function searchQuery(repository: string, kind: Kind, rules: LockRules, before: number): string {
  const { includeAll, includeAny, excludeAny } = rules;
  const all = includeAll.map((label) => `label:${quoted(label)}`);
  const any = includeAll.length === 0 && includeAny.length > 0 ? [`label:${includeAny.map(quoted).join(",")}`] : [];
  return [
    `repo:${repository}`,
    `updated:<=${timeOf(before)}`,
    "is:closed",
    "is:unlocked",
    ...all,
    ...any,
    ...(excludeAny.length > 0 ? [`-label:${excludeAny.map(quoted).join(",")}`] : []),
    ...datesFor("created", rules.created),
    ...datesFor("closed", rules.closed),
    ...(kind === "discussion" ? [] : [`is:${kind}`]),
  ].join(" ");
}

function datesFor(what: string, { after, before, outside }: Dates): readonly string[] {
  if (outside) return [`-${what}:${timeOf(outside[0])}..${timeOf(outside[1])}`];
  if (after !== undefined && before !== undefined) return [`${what}:${timeOf(after)}..${timeOf(before)}`];
  if (after !== undefined) return [`${what}:>${timeOf(after)}`];
  return before === undefined ? [] : [`${what}:<${timeOf(before)}`];
}

const quoted = (label: string) => `"${label.replaceAll('"', '\\"')}"`;

/** As GitHub writes it: whole seconds. */
const timeOf = (ms: number) => new Date(ms).toISOString().replace(/\.\d+/, "");
