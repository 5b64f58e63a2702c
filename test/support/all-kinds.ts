import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Claim, Settlement } from "../../src/model/claim.ts";
import type { NewRun } from "../../src/model/new-run.ts";
import type { Attempt } from "../../src/model/run.ts";
import type { RunStore } from "../../src/model/store.ts";

const HOUR_MS = 3_600_000;

/** Fills an empty store with runs in every possible state, and with everything that is stored beside runs. */
export async function fillWithAllKinds(store: RunStore): Promise<{ queued: string; running: string }> {
  const now = Date.now();
  const lease = { owner: "o", now, leaseMs: HOUR_MS, take: false };
  const accept = async (run: Partial<NewRun>) =>
    (
      await store.accept(
        { id: randomUUID(), workflow: "w", group: undefined, input: { a: [1, "ü\u2028"] }, ownToken: false, ...run },
        lease,
      )
    ).run;
  const claim = async (id: string): Promise<Claim> => {
    const claims = await store.claim({ ...lease, now: Date.now(), limit: 10 });
    const found = claims.find(({ run }) => run.id === id);
    assert.ok(found, `it is claimed: ${JSON.stringify(claims)}`);
    return found;
  };
  const settle = async (held: Claim, settlement: Settlement, attempt: Partial<Attempt> = {}) =>
    store.settle(
      held,
      {
        number: held.attempt,
        startedAt: now,
        endedAt: now + 1000,
        outcome: settlement.status === "queued" ? "failure" : settlement.status,
        reason: undefined,
        kind: undefined,
        githubRequestId: "A1:B2",
        ...attempt,
      },
      settlement,
    );
  const again = { status: "queued", counts: true, reason: "GitHub answered 502.", http: 500 } as const;

  const success = await accept({ group: "pr-1", trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" });
  const held = await claim(success);
  const step = { kind: "step", attempt: 1, startedAt: now, endedAt: now + 1, error: undefined } as const;
  await store.saveStep(held, { ...step, name: "read", result: { tag: "0012" } });
  await store.saveLines(held, [
    { number: 1, at: now, level: "info", message: "found\u2028it", facts: { pull: 7 } },
    { number: 2, at: now + 1, level: "error", message: "no" },
  ]);
  await store.saveStep(held, { ...step, name: "begun", startedAt: now + 2, endedAt: undefined, result: undefined });
  await store.saveStep(held, { ...step, name: "send", result: undefined, error: "rejected" });
  const sent = { count: 1, requests: [{ at: now, method: "PUT", path: "/ü", heldBack: true, body: "{}" }] } as const;
  await settle(held, { status: "success", outputs: { commitHash: "abc" }, dedupeKey: "pr-1@abc" }, { sent });

  await settle(await claim(await accept({ group: "pr-2", event: { source: "flux", id: "7" } })), {
    status: "skipped",
    reason: "no preview",
  });
  const failed = await accept({ group: "pr-3" });
  const stack = "Error: 404\n    at run (a.ts:1:2)";
  await settle(await claim(failed), { status: "failure", reason: "404", http: 404, kind: "permanent" }, { stack });
  const rerun = await accept({ group: "pr-4", input: null });
  await settle(await claim(rerun), { status: "failure", reason: "500", http: 500, kind: "permanent" });
  await store.rerun(rerun, now, undefined);
  await settle(await claim(rerun), { status: "success", outputs: null, dedupeKey: undefined });

  const retried = await accept({ group: "pr-5" });
  await settle(await claim(retried), { ...again, dueAt: now + HOUR_MS, kind: "transient" });
  const limited = await accept({ group: "pr-6" });
  await settle(await claim(limited), { ...again, counts: false, dueAt: now + 2 * HOUR_MS, kind: "limit" });
  await accept({ group: "pr-6", input: { newer: 1 } });
  await accept({ group: "pr-6", input: { newer: 2 } });

  const withOwnToken = await store.accept(
    { id: randomUUID(), workflow: "w", group: "pr-7", input: {}, ownToken: true },
    { ...lease, owner: "token-owner" },
  );
  await settle(withOwnToken.claim as Claim, { status: "success", outputs: {}, dedupeKey: undefined });
  const waiting = await claim(await accept({ group: "pr-10", trigger: "manual", actor: "token ci" }));
  await settle(waiting, {
    ...{ status: "waiting", reason: "waits", wakeKeys: ["check acme/shop abc", "workflow_run acme/shop 7"] },
    waits: [{ name: "quiet", kind: "sleep", attempt: 1, startedAt: now, until: { inMs: HOUR_MS } }],
  });
  const asking = await claim(await accept({ group: "pr-11" }));
  const secret = await store.openCallback(asking, { name: "approval", schema: { type: "boolean" } });
  await store.answerCallback(secret, true, { actor: "callback", at: now + 2 });
  await store.openCallback(asking, { name: "later", schema: undefined });
  const later = { name: "later", kind: "callback", attempt: 1, startedAt: now, until: { at: now + HOUR_MS } } as const;
  const waits = { status: "waiting", reason: "waits", wakeKeys: [], waits: [later] } as const;
  await settle(asking, waits);
  // It was due immediately, because an answer had already arrived.
  await settle(await claim(asking.run.id), waits);
  const cancelled = await claim(await accept({ group: "pr-12" }));
  await store.cancel(cancelled.run.id, { actor: "token ci", at: now + 3 }, () => true);
  await settle(cancelled, { status: "cancelled", reason: "" });
  const tidying = await claim(cancelled.run.id);
  const handler = {
    number: tidying.attempt,
    startedAt: now,
    endedAt: now + 1,
    outcome: "success",
    handler: true,
  } as const;
  await settle(tidying, { status: "success", outputs: {}, dedupeKey: undefined }, handler);
  const throttle = { limit: 1, perMs: HOUR_MS };
  const kept = await accept({ group: "pr-14", order: { throttle } });
  const first = await claim(kept);
  await store.saveStep(first, { ...step, name: "kept", result: 1 });
  await settle(first, { status: "failure", reason: "500", http: 500, kind: "permanent" });
  await store.rerun(kept, now, { from: "failure", actor: "token ci" });
  await settle(await claim(kept), { status: "failure", reason: "500", http: 500, kind: "permanent" });
  const running = await accept({ group: "pr-8" });
  await claim(running);
  const queued = await accept({ group: "pr-9" });

  for (const queue of ["latest", "all"] as const) {
    const order = { throttle, queue, ...(queue === "latest" ? { debounceMs: 1000 } : {}) };
    for (let input = 0; input < 3; input++) await accept({ workflow: "other", group: `pr-13 ${queue}`, order, input });
  }
  const by = { actor: "command line", role: "operator", via: "bearer", address: "::1", bulk: "b" } as const;
  await store.pause("other", { ...by, at: now });
  await store.audit.add([
    { ...by, at: now - 1, action: "request", outcome: "rejected", times: 7, details: "a\0b\u2028" },
  ]);

  await store.scheduledUntil("nightly", now + 5);
  await store.setMark("deliveries", { last: "ü\u2028" });
  await store.turn("deliveries", HOUR_MS);
  const rejected = { method: "POST", path: "/dispatch", status: 400, application: "pr-1", reason: "no JSON" };
  await store.overview.noteRejected([{ ...rejected, firstAt: now, lastAt: now, times: 1 }]);
  await store.events.note({
    since: now - HOUR_MS,
    heard: [{ kind: "http", name: "/dispatch", actor: "token argocd", firstAt: now - 5, lastAt: now, times: 3 }],
    ignored: [
      {
        ...{ at: now, source: "github", event: "pull_request.closed", repository: "acme/shop", number: 7, woken: 0 },
        ...{
          answer: "No workflow handles it.",
          reasons: [{ workflow: "welcome", reason: "wants opened, this is closed" }],
        },
      },
    ],
  });
  const since = { points: now - 1000, writes: now - 1000 };
  await store.limits.admit("token", { now, since }, () => [{ at: now, points: 5, writes: 1 }]);
  await store.limits.pause("token", { until: now + HOUR_MS, strikes: 2 });
  return { queued, running };
}

/** Everything that a store reports about what `fillWithAllKinds` stored. */
export async function toldBy(store: RunStore) {
  const now = Date.now();
  const { runs } = await store.list({}, { limit: 1000 });
  const { nextDueAt, hours, finished, queued, running, limited, rejected } = await store.overview.activity(now);
  return {
    runs,
    details: await Promise.all(runs.map(({ id }) => store.get(id))),
    waiting: (await store.waiting()).toSorted((a, b) => a.reason.localeCompare(b.reason)),
    activity: { nextDueAt, hours, finished, queued, running, limited, rejected },
    rejected: await store.overview.rejected(),
    ignored: await store.events.ignored({}, { limit: 10 }),
    heard: await store.events.heard(),
    limits: await store.limits.recall(0),
    mark: await store.mark("deliveries"),
    watched: await store.watched(),
    schedule: await store.scheduledUntil("nightly", now),
    paused: await store.paused(),
    audit: await store.audit.list({}, { limit: 100 }).then(({ records }) => records),
    chain: await store.audit.verify(),
    lines: await Promise.all(runs.map(({ id }) => store.lines(id, { limit: 10 }))),
    repeat: await store.findSuccess("w", "pr-1@abc", 0),
  };
}
