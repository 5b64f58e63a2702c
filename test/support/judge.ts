import assert from "node:assert/strict";
import type { StoredRun } from "./history.ts";
import type { Heard } from "./process.ts";

/** Every event has a unique revision, so the commit that arrives shows which event it was. */
export type Sent = { readonly application: string; readonly revision: string };

/** What arrived at GitHub. */
export type Dispatched = readonly { readonly tag: string; readonly at: number }[];

/**
 * Two crashes may hit the only run in flight. Then the service takes that run for the cause, and a person re-runs it, unless
 * its group has a newer run.
 */
export function isSuspect({ status, reason }: { status: string; reason?: string | undefined }): boolean {
  return status === "failure" && /^The process ended 2 times while/.test(reason ?? "");
}

/** An answered event has one run. GitHub received the dispatch of that run, or of the last run that superseded it. */
export function everyAnswerWasKept(
  answered: readonly { event: Sent; heard: Heard | undefined }[],
  runs: readonly StoredRun[],
  dispatches: Dispatched,
): void {
  const byId = new Map(runs.map((run) => [run.id, run]));
  for (const { event, heard } of answered) {
    const about = `${event.revision} of ${event.application}, answered ${heard?.status} ${heard?.text}`;
    const itsRuns = runs.filter(({ revision }) => revision === event.revision);
    assert.equal(itsRuns.length, 1, `${about}: has ${itsRuns.length} runs`);
    const chain = [itsRuns[0]!];
    for (let last = itsRuns[0]!; last.status === "superseded" || isSuspect(last); chain.push(last)) {
      const next = isSuspect(last)
        ? runs.findLast(({ group }) => group === last.group)
        : byId.get(last.supersededBy ?? "");
      assert.ok(next && next.seq > last.seq && next.group === last.group, `${about}: superseded by no newer run`);
      last = next;
    }
    const end = chain.at(-1)!;
    assert.equal(end.status, "success", `${about}: ended as ${JSON.stringify(end)}`);
    assert.ok(
      dispatches.some(({ tag }) => tag === end.revision),
      `${about}: never dispatched`,
    );
    const named = chain.find(({ id }) => id === heard?.run);
    assert.ok(named, `${about}: X-Run-Id ${heard?.run} is not its run`);
    assert.ok([200, 202].includes(heard?.status ?? 0), about);
    if (heard?.status === 200) {
      const { revision: commitHash, group: sourceName } = named;
      assert.deepEqual(JSON.parse(heard.text), { status: "success", commitHash, sourceName });
    }
  }
}

/** How long the client waits for GitHub's answer, ms. On a machine that is too busy to answer, the request is sent again. */
const UNANSWERED_MS = 15_000;

/** Each attempt sends at most once, and the successful one sent while it ran. */
export function onlyInterruptedAttemptsSendAgain(runs: readonly StoredRun[], dispatches: Dispatched): void {
  for (const run of runs) {
    const sent = dispatches.filter(({ tag }) => tag === run.revision);
    const unanswered = run.attempts.filter(({ startedAt, endedAt }) => endedAt - startedAt >= UNANSWERED_MS);
    assert.ok(
      sent.length <= run.attempts.length + unanswered.length,
      `sent ${sent.length} times: ${JSON.stringify(run)}`,
    );
    const success = run.attempts.find(({ outcome }) => outcome === "success");
    if (!success) continue;
    const during = sent.filter(({ at }) => at >= success.startedAt && at <= success.endedAt);
    assert.equal(
      Math.min(during.length, 1 + unanswered.length),
      during.length || 1,
      `${JSON.stringify(run)} against ${JSON.stringify(sent)}`,
    );
  }
  const known = new Set(runs.map(({ revision }) => revision));
  assert.ok(dispatches.every(({ tag }) => known.has(tag)));
}

/** One attempt per concurrency group runs at a time. No older commit follows a newer one, and the newest arrives. */
export function latestWins(runs: readonly StoredRun[], dispatches: Dispatched): void {
  for (const [group, members] of Map.groupBy(runs, (run) => run.group)) {
    const attempts = members
      .flatMap((run) => run.attempts)
      .sort((a, b) => a.endedAt - b.endedAt || a.startedAt - b.startedAt);
    for (const [at, { startedAt, outcome }] of attempts.entries()) {
      const before = attempts[at - 1];
      // If an attempt was interrupted, its recorded end may be later than its real end.
      const apart = !before || before.endedAt <= startedAt || outcome === "interrupted";
      assert.ok(apart, `${group}: two attempts at the same time: ${JSON.stringify(attempts.slice(at - 1, at + 1))}`);
    }
    const order = new Map(members.map(({ revision, seq }) => [revision, seq]));
    const sent = dispatches.flatMap(({ tag }) => order.get(tag) ?? []);
    assert.deepEqual(
      sent,
      sent.toSorted((a, b) => a - b),
      `${group}: an older commit came last`,
    );
    assert.equal(members.at(-1)?.status, "success", group);
    assert.equal(sent.at(-1), members.at(-1)?.seq, group);
  }
}
