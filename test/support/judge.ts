import assert from "node:assert/strict";
import type { StoredRun } from "./history.ts";
import type { Heard } from "./process.ts";

/** Every event has a revision of its own, so that the commit that arrives tells which event it was. */
export type Sent = { readonly application: string; readonly revision: string };

/** What arrived at GitHub. */
export type Dispatched = readonly { readonly tag: string; readonly at: number }[];

/**
 * Chance may kill a run twice that is all there is in flight. It is taken for the cause then, and a person re-runs it, unless
 * its group has a newer run.
 */
export function isSuspect({ status, reason }: { status: string; reason?: string | undefined }): boolean {
  return status === "failure" && /^The process ended 2 times while/.test(reason ?? "");
}

/** An answered event has one run; that run, or the one at the end of those that took its place, was dispatched. */
export function everyAnswerWasKept(
  answered: readonly { event: Sent; heard: Heard | undefined }[],
  runs: readonly StoredRun[],
  dispatches: Dispatched,
): void {
  const byId = new Map(runs.map((run) => [run.id, run]));
  for (const { event, heard } of answered) {
    const about = `${event.revision} of ${event.application}, answered ${heard?.status} ${heard?.text}`;
    const own = runs.filter(({ revision }) => revision === event.revision);
    assert.equal(own.length, 1, `${about}: has ${own.length} runs`);
    const chain = [own[0]!];
    for (let last = own[0]!; last.status === "superseded" || isSuspect(last); chain.push(last)) {
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

/** GitHub's answer is waited for so long, ms; on a machine that is too busy to give it, the request is sent again. */
const UNANSWERED_MS = 15_000;

/** Each attempt sends once at most, and the successful one did while it ran. */
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

/** In a concurrency group one attempt runs at a time, no older commit follows a newer one, and the newest arrives. */
export function latestWins(runs: readonly StoredRun[], dispatches: Dispatched): void {
  for (const [group, members] of Map.groupBy(runs, (run) => run.group)) {
    const attempts = members
      .flatMap((run) => run.attempts)
      .sort((a, b) => a.endedAt - b.endedAt || a.startedAt - b.startedAt);
    for (const [at, { startedAt, outcome }] of attempts.entries()) {
      const before = attempts[at - 1];
      // Of one that nobody ended it is known when its process asked for work, perhaps before the other had ended.
      const apart = !before || before.endedAt <= startedAt || outcome === "interrupted";
      assert.ok(apart, `${group}: two attempts at once: ${JSON.stringify(attempts.slice(at - 1, at + 1))}`);
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
