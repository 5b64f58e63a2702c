import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Settlement } from "../src/model/claim.ts";
import { type RunRow, slotOf } from "../src/store/rows.ts";
import { cancel, endedByCancel } from "../src/store/rules/cancels.ts";
import { interruptedRuns } from "../src/store/rules/interruptions.ts";
import { type Acceptance, acceptance, rerun, settled } from "../src/store/rules/runs.ts";
import { suspended } from "../src/store/rules/waits.ts";

const LEASE_MS = 60_000;

type Step =
  | {
      readonly does: "accept";
      readonly slot: number;
      readonly input: number;
      readonly take: boolean;
      readonly ownToken: boolean;
      readonly event: number | undefined;
      readonly cancelRunning: boolean;
    }
  | { readonly does: "claim" }
  | { readonly does: "cancel"; readonly which: number; readonly hasHandler: boolean }
  | {
      readonly does: "settle";
      readonly which: number;
      readonly how: "success" | "failure" | "retry" | "limit" | "wait";
      readonly delay: number;
    }
  | { readonly does: "interrupt"; readonly which: number; readonly alone: boolean }
  | { readonly does: "rerun"; readonly which: number; readonly evenIfOlder: boolean }
  | { readonly does: "wait"; readonly ms: number };

const which = fc.nat(30);
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant("accept" as const),
      slot: fc.nat(2),
      input: fc.nat(1),
      take: fc.boolean(),
      ownToken: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
      event: fc.option(fc.nat(3), { nil: undefined }),
      cancelRunning: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ does: fc.constant("claim" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant("settle" as const),
      which,
      how: fc.constantFrom("success", "failure", "retry", "limit", "wait"),
      delay: fc.nat(100_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("interrupt" as const), which, alone: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("cancel" as const), which, hasHandler: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("rerun" as const), which, evenIfOlder: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("wait" as const), ms: fc.nat(100_000) }) },
);

/** A store in memory that only reads situations and writes decisions. */
function memory() {
  const runs: RunRow[] = [];
  const interruptions = new Map<number, { inARow: number; alone: number }>();
  let now = 1_000_000;
  const write = (run: RunRow) => {
    const before = runs[run.seq - 1] as RunRow;
    runs[run.seq - 1] = run;
    return { before, after: run };
  };
  const inSlot = (slot: string | null, status: RunRow["status"]) =>
    slot === null ? undefined : runs.find((run) => run.slot === slot && run.status === status);
  const holder = (slot: string | null) => inSlot(slot, "running") ?? inSlot(slot, "waiting");
  /** A run in the slot runs or waits, or its workflow's `cancelled` is due or runs. */
  const isTaken = (slot: string | null) =>
    holder(slot) !== undefined || (slot !== null && runs.some((run) => run.slot === slot && isCalled(run)));
  const inSlotCalled = (run: RunRow) =>
    run.slot === null ? run : runs.find((each) => each.slot === run.slot && isCalled(each));
  const running = () => runs.filter((run) => run.status === "running" || run.handler === "running");
  return {
    runs,
    now: () => now,
    wait(ms: number) {
      now += ms;
    },
    accept({
      slot: group,
      input,
      take,
      ownToken,
      event,
      cancelRunning,
    }: Extract<Step, { does: "accept" }>): Acceptance {
      const identity = event === undefined ? undefined : { source: "s", id: `e${event}` };
      const facts = {
        workflow: "w",
        group: `g${group}`,
        input: { input },
        ownToken,
        event: identity,
        order: { cancelRunning },
      };
      const arriving = { id: `run ${runs.length + 1}`, ...facts };
      const slot = slotOf(arriving);
      const decision = acceptance(
        arriving,
        { owner: "one", now, leaseMs: LEASE_MS, take },
        {
          now,
          leaseUntil: now + LEASE_MS,
          latest: identity && runs.findLast((run) => run.event_source === "s"),
          carriedOutUntil: undefined,
          waiting: inSlot(slot, "queued"),
          isBusy: isTaken(slot),
          holder: cancelRunning ? holder(slot) : undefined,
          isPaused: false,
          hasLine: false,
        },
      );
      if (decision.does === "join") write(decision.run);
      if (decision.does === "add") {
        if (decision.superseded) write(decision.superseded);
        if (decision.cancels) write(decision.cancels.run);
        runs.push({ ...decision.run, seq: runs.length + 1 });
      }
      return decision;
    },
    claim() {
      const due = runs
        .filter((run) => {
          if (run.handler === "due") return !holder(run.slot) && inSlotCalled(run) === run;
          if ((run.due_at ?? 0) > now) return false;
          return run.status === "waiting" || (run.status === "queued" && !isTaken(run.slot));
        })
        .toSorted((a, b) => (a.due_at ?? 0) - (b.due_at ?? 0) || a.seq - b.seq)[0];
      const begun = due && { ...due, attempts: due.attempts + 1, owner: "one", woken: 0 };
      if (begun?.handler === "due") write({ ...begun, handler: "running" });
      else if (begun) write({ ...begun, status: "running", started_at: now });
    },
    cancel({ which: nth, hasHandler }: Extract<Step, { does: "cancel" }>) {
      const run = runs[nth % Math.max(1, runs.length)];
      if (run) write(cancel(run, { actor: "token alice", at: now }, hasHandler).run);
    },
    settle({ which: nth, how, delay }: Extract<Step, { does: "settle" }>) {
      const run = running()[nth % Math.max(1, running().length)];
      if (!run || (run.own_token === 1 && how !== "success" && how !== "failure")) return undefined;
      interruptions.delete(run.seq);
      const kind = how === "limit" ? ("limit" as const) : ("transient" as const);
      const again = {
        status: "queued",
        dueAt: now + delay,
        counts: how === "retry",
        reason: "r",
        http: 500,
        kind,
      } as const;
      const settlement: Settlement =
        how === "success"
          ? { status: "success", outputs: {}, dedupeKey: undefined }
          : how === "failure"
            ? { status: "failure", reason: "no", http: 500, kind: "permanent" }
            : again;
      const over = endedByCancel(run, { endedAt: now }, settlement);
      if (over) return write(over);
      if (how === "wait") {
        const wait = {
          name: "s",
          kind: "sleep",
          attempt: run.attempts,
          startedAt: now,
          until: { inMs: delay },
        } as const;
        const waiting = { status: "waiting", reason: "s", waits: [wait], wakeKeys: [] } as const;
        const nothing = { now, known: [], answered: [], latest: [] };
        return write(suspended(run, { endedAt: now, reason: "s" }, waiting, nothing).run);
      }
      return write(settled(run, { endedAt: now }, settlement, { waiting: inSlot(run.slot, "queued"), ahead: 0 }));
    },
    interrupt({ which: nth, alone }: Extract<Step, { does: "interrupt" }>) {
      const run = running()[nth % Math.max(1, running().length)];
      if (!run) return undefined;
      const { inARow, alone: before } = interruptions.get(run.seq) ?? { inARow: 0, alone: 0 };
      const rows = [{ ...run, in_a_row: inARow, alone: before, was_alone: alone }];
      const [next] = interruptedRuns(rows, { at: now, now, waitingIn: (slot) => inSlot(slot, "queued") }).runs;
      interruptions.set(run.seq, { inARow: inARow + 1, alone: before + (alone ? 1 : 0) });
      return write(next as RunRow);
    },
    rerun({ which: nth, evenIfOlder }: Extract<Step, { does: "rerun" }>) {
      const run = runs[nth % Math.max(1, runs.length)];
      if (!run) return undefined;
      const busy = inSlot(run.slot, "queued") ?? holder(run.slot);
      const newer =
        run.slot === null ? undefined : runs.findLast((each) => each.slot === run.slot && each.seq > run.seq);
      const next = rerun(run, { now, busy, newer }, { evenIfOlder, at: now });
      if (!("seq" in next)) return undefined;
      interruptions.delete(run.seq);
      return write(next);
    },
  };
}

type Memory = ReturnType<typeof memory>;

const isCalled = ({ handler }: RunRow) => handler === "due" || handler === "running";

/** What must hold after each step. */
function invariants({ runs, now }: Memory): void {
  const slots = Map.groupBy(runs, ({ slot }) => slot);
  for (const [slot, those] of slots) {
    if (slot === null) continue;
    const queued = those.filter(({ status }) => status === "queued");
    const running = those.filter(
      ({ status, handler }) => ["running", "waiting"].includes(status) || handler === "running",
    );
    assert.ok(queued.length <= 1, "one run waits in a group at most");
    assert.ok(running.length <= 1, "one run of a group runs at a time");
    if (queued[0] && running[0] && running[0].status !== "cancelled")
      assert.ok(queued[0].seq > running[0].seq, "what waits is newer than what runs");
  }
  for (const run of runs) {
    const ended = !["queued", "running", "waiting"].includes(run.status);
    assert.equal(run.ended_at !== null, ended, "what has ended has an end");
    assert.equal(
      run.owner !== null,
      run.status === "running" || run.handler === "running",
      "what runs has an owner, and nothing else",
    );
    assert.equal(
      run.superseded_by !== null,
      run.status === "superseded" || (Boolean(run.cancel_actor?.startsWith("run ")) && ended),
    );
    if (isCalled(run)) assert.equal(run.status, "cancelled", "`cancelled` is called when the run has ended so");
    if (run.status === "cancelled")
      assert.match(run.reason ?? "", /^Cancelled(: run .* replaced it| by token alice)\.$/);
    if (ended && run.status !== "cancelled") assert.equal(run.handler, null);
    if (run.status === "superseded") {
      const newer = runs.find(({ id }) => id === run.superseded_by) as RunRow;
      assert.ok(newer.seq > run.seq, "it was replaced by a newer one");
    }
    if (run.own_token === 1) assert.notEqual(run.status, "queued", "what cannot be attempted later never waits");
    if (run.status === "queued" && run.kind === null) assert.ok((run.due_at as number) <= now() + 200_000);
  }
}

describe("the rules of the store", () => {
  it("hold for all events, in every order", () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 60, size: "max" }), (all) => {
        const store = memory();
        for (const step of all) {
          const ends = store.runs.map(({ status }) => status);
          if (step.does === "wait") store.wait(step.ms);
          else if (step.does === "claim") store.claim();
          else if (step.does === "accept") accepted(store, step);
          else if (step.does === "settle") store.settle(step);
          else if (step.does === "cancel") store.cancel(step);
          else if (step.does === "interrupt") store.interrupt(step);
          else store.rerun(step);
          invariants(store);
          if (step.does === "rerun") continue;
          for (const [at, status] of ends.entries()) {
            if (status !== "queued" && status !== "running" && status !== "waiting")
              assert.equal(store.runs[at]?.status, status, "an end stays");
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  /** Each event becomes a run, joins one, or is known. None is lost, and no limit ends sooner because of it. */
  function accepted(store: Memory, step: Extract<Step, { does: "accept" }>): void {
    const before = store.runs.find((run) => run.slot === `w\ng${step.slot}` && run.status === "queued");
    const decision = store.accept(step);
    assert.notEqual(decision.does, "reject");
    if (decision.does === "nothing" || decision.does === "reject") {
      assert.equal(store.runs.find(({ id }) => id === decision.run)?.event_id, `e${step.event}`);
      return;
    }
    const { run } = decision;
    if (decision.does === "join") {
      assert.equal(run.id, before?.id);
      assert.ok(run.attempts > 0, "only what was attempted before may stand for a newer event");
      assert.equal(run.input, before?.input);
      assert.ok(run.kind === "limit" || (run.due_at as number) <= store.now() + 30_000, "it comes soon");
    } else assert.equal(run.input, JSON.stringify({ input: step.input }));
    if (before?.kind === "limit" && !step.ownToken) {
      assert.ok((run.due_at as number) >= (before.due_at as number), "a limit ends when it ends");
    }
  }

  it("never queue an older run after a newer one that has ended, unless its caller asks for it", () => {
    const store = memory();
    const send = (input: number) =>
      store.accept({
        does: "accept",
        slot: 0,
        input,
        take: true,
        ownToken: false,
        event: undefined,
        cancelRunning: false,
      });
    const end = { does: "settle", which: 0, how: "failure", delay: 0 } as const;
    send(0);
    store.settle(end);
    send(1);
    store.settle(end);
    assert.equal(store.rerun({ does: "rerun", which: 0, evenIfOlder: false }), undefined);
    assert.equal(store.rerun({ does: "rerun", which: 1, evenIfOlder: false })?.after.status, "queued");
  });
});
