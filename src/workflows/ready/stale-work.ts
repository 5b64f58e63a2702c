import type { RunContext } from "../../index.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { changed, same } from "./lists.ts";
import type { StaleRules } from "./stale-options.ts";
import { isActivity, markedAt, type Standing, standingOf, type Verdict, verdictOn } from "./stale-rules.ts";
import { type Failed, guardOf, type Thread, threadsOf } from "./threads.ts";

/** A thread of a list that may need a change, and since when. */
export type Candidate = { readonly number: number; readonly updatedAt: number; readonly isDue: boolean };

/** What was done to a thread. `due`: it will be closed together with its branch. */
export type Done =
  | { readonly number: number; readonly what: "marked" | "unstaled" | "closed" | "due" | "unlabeled" }
  | Failed;

type Working = {
  readonly repository: string;
  readonly isDry: boolean;
  readonly deleteBranch: boolean;
  readonly rules: { readonly issue: StaleRules; readonly pull: StaleRules };
};

/**
 * Changes the threads of a repository. Each change is a comment with a key of this run and then one write. If an
 * attempt is interrupted, the next one sees what was done and does the rest.
 */
export function staleWork(
  { github, log, runId }: Pick<RunContext, "github" | "log" | "runId">,
  { repository, isDry, deleteBranch, rules }: Working,
) {
  const threads = threadsOf(github, repository, { runId, isDry });
  const rulesFor = ({ isPull }: Thread) => (isPull ? rules.pull : rules.issue);

  function say(what: string, { number, url }: Thread, why: string): void {
    log.info(`${isDry ? "dry run: " : ""}${what} ${repository}#${number}: ${why}`, { url });
  }

  async function look({ number, updatedAt, isDue }: Candidate): Promise<Done | undefined> {
    const found = await threads.read(number);
    if (!found) return undefined;
    const { thread, now } = found;
    const its = rulesFor(thread);
    const standing = standingOf(thread, its, now);
    const then = { ...thread, updatedAt };
    if (standing.is === "due") return mark(thread, standing);
    if (isDue && standing.is === "fresh" && (await isInterrupted(then, its))) {
      return mark(thread, standingOf(then, its, now));
    }
    // An interrupted attempt has already marked it.
    if (isDue && standing.is === "stale" && its.daysBeforeClose !== 0) return { number, what: "marked" };
    if (standing.is === "stale") return decide(thread, standing, now);
    return standing.takeOff === undefined ? undefined : unlabel(thread, standing.takeOff);
  }

  /** It was updated by this run's comment, and by nothing else. */
  async function isInterrupted({ number, updatedAt }: Thread, { staleMessage }: StaleRules): Promise<boolean> {
    const comments = await threads.commentsSince(number, updatedAt);
    return threads.hasOwn(comments, "stale") && !comments.some((each) => isActivity(each, staleMessage));
  }

  async function mark(thread: Thread, { why, takeOff }: Standing): Promise<Done> {
    const { number } = thread;
    const its = rulesFor(thread);
    if (its.staleMessage !== "") await threads.comment(number, "stale", its.staleMessage);
    const labels = changed(thread.labels, {
      add: [its.staleLabel],
      remove: [...its.removeWhenStale, ...list(takeOff)],
    });
    await threads.change(number, { labels });
    say("marked as stale:", thread, why);
    if (its.daysBeforeClose !== 0) return { number, what: "marked" };
    return end({ ...thread, labels }, "it is closed immediately (daysBeforeClose)");
  }

  async function decide(thread: Thread, { takeOff }: Standing, now: number): Promise<Done | undefined> {
    const { is, why } = await verdict(thread, now);
    if (is === "unstale") return unstale(thread, takeOff, why);
    if (is === "close") return end(thread, why);
    return takeOff === undefined ? undefined : unlabel(thread, takeOff);
  }

  async function verdict(thread: Thread, now: number): Promise<Verdict> {
    const { number, updatedAt } = thread;
    const its = rulesFor(thread);
    const events = await threads.events(number);
    const comments = await threads.commentsSince(number, markedAt({ events }, its.staleLabel) ?? updatedAt);
    return verdictOn(thread, its, { events, comments, isClosing: threads.hasOwn(comments, "close") }, now);
  }

  async function unstale(thread: Thread, takeOff: string | undefined, why: string): Promise<Done> {
    const { number, labels } = thread;
    const { staleLabel, removeWhenUnstale, addWhenUnstale: add } = rulesFor(thread);
    const without = labels.filter((each) => !same(each, staleLabel));
    await threads.change(number, {
      labels: changed(without, { add, remove: [...removeWhenUnstale, ...list(takeOff)] }),
    });
    say("no longer stale:", thread, why);
    return { number, what: "unstaled" };
  }

  async function unlabel(thread: Thread, label: string): Promise<Done> {
    const { number } = thread;
    await threads.change(number, { labels: changed(thread.labels, { remove: [label] }) });
    say(`label ${label} removed from`, thread, "it is open again");
    return { number, what: "unlabeled" };
  }

  async function end(thread: Thread, why: string): Promise<Done> {
    const { number, isPull } = thread;
    if (isPull && deleteBranch) return { number, what: "due" };
    await close(thread, why);
    return { number, what: "closed" };
  }

  async function close(thread: Thread, why: string): Promise<void> {
    const { number } = thread;
    const { closeMessage, closeLabel, closeReason } = rulesFor(thread);
    if (closeMessage !== "") await threads.comment(number, "close", closeMessage);
    await threads.change(number, {
      state: "closed",
      ...(closeReason && { state_reason: closeReason }),
      ...(closeLabel !== "" && { labels: changed(thread.labels, { add: [closeLabel] }) }),
    });
    say("closed", thread, why);
  }

  /** Decides again what was decided a moment ago, unless an interrupted attempt has closed the thread. */
  async function closeWithBranch(number: number): Promise<Done | undefined> {
    const found = await threads.read(number);
    if (!found) return undefined;
    const { thread, now } = found;
    if (thread.isOpen) {
      const { is, why } = await verdict(thread, now);
      const isImmediate = is === "wait" && (isDry || rulesFor(thread).daysBeforeClose === 0);
      if (is !== "close" && !isImmediate) return undefined;
      await close(thread, why);
    }
    await removeBranch(thread);
    return { number, what: "closed" };
  }

  async function removeBranch(thread: Thread): Promise<void> {
    const repo = ownerAndName(repository);
    const { data: pull } = await github.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", {
      ...repo,
      pull_number: thread.number,
    });
    const { ref, repo: its } = pull.head;
    // A branch in a fork may have the same name as a branch here.
    if (its?.full_name.toLowerCase() !== repository.toLowerCase() || ref === its.default_branch || pull.merged) return;
    if (!isDry) {
      const route = "DELETE /repos/{owner}/{repo}/git/refs/{ref}";
      await github.request(route, { ...repo, ref: `heads/${ref}` }, { allow: [404, 422] });
    }
    say(`branch ${ref} deleted of`, thread, "it is closed (deleteBranch)");
  }

  const guarded = guardOf(log, repository, async (number) => (await threads.read(number)) !== undefined);
  return {
    look: guarded(({ number }: Candidate) => number, look),
    closeWithBranch: guarded((number: number) => number, closeWithBranch),
  };
}

const list = (label: string | undefined) => (label === undefined ? [] : [label]);
