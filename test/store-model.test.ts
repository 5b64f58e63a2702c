import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Claim, Settlement } from "../src/model/claim.ts";
import type { Order } from "../src/model/new-run.ts";
import { afterInterruption } from "../src/model/retry.ts";
import type { BegunWait, Run } from "../src/model/run.ts";
import { ALL_WORKFLOWS } from "../src/model/run-actions.ts";
import { again, attemptOf, event, FAILURE, LEASE_MS, lease, NOW, SUCCESS, type TimedStore } from "./store.contract.ts";
import { postgresForTests } from "./support/postgres.ts";
import { memorySqlite, timedPostgres } from "./support/timed-stores.ts";

/**
 * Both stores run random histories, and must agree with a model in plain data after each step: groups, waits, wakes, cancels,
 * pauses, interruptions, re-runs, hastened retries, and groups in which every event runs.
 */

const WATCHED = "workflow_run mona/app 7";

type Wait = { readonly name: string; readonly attempt: number; readonly until: number };

/** What a store should know about a run. */
type Known = {
  readonly id: string;
  readonly group: string | undefined;
  readonly ownToken: boolean;
  readonly input: number;
  readonly inOrder: boolean;
  status: Run["status"];
  attempts: number;
  /** The first attempt since it was accepted or re-run. */
  firstAttempt: number;
  failures: number;
  interruptions: number;
  alone: number;
  dueAt: number;
  owner: string;
  leaseUntil: number;
  supersededBy: string | undefined;
  /** The current waits, and the names of those that are over. */
  waits: readonly Wait[];
  over: readonly string[];
  keys: readonly string[];
  woken: boolean;
  hasWaited: boolean;
  /** Who has cancelled it while it ran: a person, or a newer run by its id. */
  cancelled: { readonly by: string | undefined } | undefined;
  handler: "wanted" | "due" | "running" | undefined;
};

type Model = {
  readonly takesOver: boolean;
  now: number;
  paused: Set<string>;
  /** Per owner, the runs that were taken from it. */
  readonly taken: Map<string, Set<string>>;
  /** Oldest first. */
  readonly runs: Known[];
  /** Every claim so far, and until when its owner may assume that it is alone; 0 once it is settled. */
  readonly claims: { readonly claim: Claim; until: number }[];
};

const newModel = (takesOver: boolean): Model => ({
  ...{ takesOver, now: NOW, paused: new Set(), taken: new Map(), runs: [], claims: [] },
});

const UNTOUCHED = {
  ...{ failures: 0, interruptions: 0, alone: 0, supersededBy: undefined, waits: [], over: [], keys: [], woken: false },
  ...{ cancelled: undefined, handler: undefined },
} satisfies Partial<Known>;

type Turn = Pick<Known, "group" | "ownToken">;

const groupOf = (model: Model, { group, ownToken }: Turn) =>
  ownToken || group === undefined ? [] : model.runs.filter((run) => !run.ownToken && run.group === group);

const queuedIn = (model: Model, turn: Turn) => groupOf(model, turn).find(({ status }) => status === "queued");
const holderIn = (model: Model, turn: Turn) =>
  groupOf(model, turn).find(({ status }) => status === "running" || status === "waiting");
const isBusy = (model: Model, turn: Turn) =>
  holderIn(model, turn) !== undefined ||
  groupOf(model, turn).some(({ handler }) => handler === "due" || handler === "running");

const isOpen = ({ status }: Pick<Run, "status">) => ["queued", "running", "waiting"].includes(status);
const isUnderWay = ({ status, handler }: Known) => status === "running" || handler === "running";

function requeue(model: Model, run: Known, dueAt: number): void {
  const newer = run.inOrder ? undefined : queuedIn(model, run);
  if (newer) Object.assign(run, { status: "superseded", supersededBy: newer.id, keys: [] });
  else Object.assign(run, { status: "queued", dueAt });
}

function cancel(run: Known, hasHandler: boolean, by: string | undefined): void {
  const handler = hasHandler && run.attempts >= run.firstAttempt && !run.ownToken ? "wanted" : undefined;
  Object.assign(run, { cancelled: { by }, handler });
  if (run.status !== "running") endCancelled(run);
}

function endCancelled(run: Known): void {
  const handler = run.handler === "wanted" ? "due" : undefined;
  Object.assign(run, { status: "cancelled", keys: [], woken: false, supersededBy: run.cancelled?.by, handler });
}

/** Whether a run is the only one that its process has in flight, as far as a store of several processes knows. */
function isAlone({ takesOver, runs, taken }: Model, run: Known): boolean {
  const others = runs.some((other) => other !== run && other.status === "running" && other.owner === run.owner);
  return takesOver && !others && ![...(taken.get(run.owner) ?? [])].some((id) => id !== run.id);
}

/** Records a claim, and checks that no other claim may still be for that run or its group. */
function given(model: Model, claim: Claim): void {
  for (const other of model.claims) {
    const sameRun = other.claim.run.id === claim.run.id;
    const bothInGroup = claim.run.group !== undefined && !claim.run.ownToken && !other.claim.run.ownToken;
    const together = sameRun || (bothInGroup && other.claim.run.group === claim.run.group);
    assert.ok(!(together && other.until > model.now), "two claims hold at the same time");
  }
  model.claims.push({ claim, until: model.now + LEASE_MS });
}

type Command = fc.AsyncCommand<Model, TimedStore>;

class Accept implements Command {
  readonly facts: {
    readonly group: string | undefined;
    readonly input: number;
    readonly ownToken: boolean;
    readonly take: boolean;
    readonly owner: string;
    readonly cancelRunning: boolean;
    readonly hasHandler: boolean;
  };
  constructor(facts: Accept["facts"]) {
    this.facts = facts;
  }
  check = () => true;
  async run(model: Model, store: TimedStore): Promise<void> {
    const { take, owner, cancelRunning, hasHandler, ...facts } = this.facts;
    const id = randomUUID();
    // Every event of this group runs.
    const inOrder = facts.group === "line";
    const order: Order = inOrder ? { queue: "all" } : { cancelRunning, hasHandler };
    const isPaused = model.paused.size > 0;
    const ahead = queuedIn(model, facts);
    const waiting = inOrder ? undefined : ahead;
    const joins = waiting !== undefined && waiting.attempts > 0 && waiting.input === facts.input;
    const holder = !inOrder && cancelRunning ? holderIn(model, facts) : undefined;
    const accepted = await store.accept(event({ ...facts, id, order }), { ...lease(model.now, owner), take });
    if (facts.ownToken && isPaused) {
      assert.deepEqual([accepted.claim, accepted.paused, accepted.joined], [undefined, true, false]);
      return holds(model, store);
    }
    assert.equal(accepted.run, joins ? waiting.id : id);
    assert.equal(accepted.joined, joins);
    assert.equal(accepted.superseded, joins ? undefined : waiting?.id);
    const marks = !joins && holder?.status === "running" && !holder.cancelled;
    assert.deepEqual(accepted.cancels, marks ? [holder.id] : undefined);
    if (holder && !joins && (marks || holder.status === "waiting")) cancel(holder, hasHandler, id);
    const turn = facts.ownToken || (!ahead && !isBusy(model, facts) && !isPaused);
    assert.equal(
      accepted.claim !== undefined,
      turn && (take || facts.ownToken),
      "claimed at birth when it is its turn",
    );
    if (joins) Object.assign(waiting, { dueAt: Math.min(waiting.dueAt, model.now + 30_000), failures: 0 });
    else {
      if (waiting) Object.assign(waiting, { status: "superseded", supersededBy: id, keys: [] });
      if (accepted.claim) given(model, accepted.claim);
      model.runs.push({
        ...{
          ...facts,
          ...UNTOUCHED,
          hasWaited: false,
          id,
          owner,
          inOrder,
          dueAt: model.now,
          leaseUntil: model.now + LEASE_MS,
        },
        status: accepted.claim ? "running" : "queued",
        attempts: accepted.claim ? 1 : 0,
        firstAttempt: 1,
      });
    }
    await holds(model, store);
  }
  toString = () => `accept(${JSON.stringify(this.facts)})`;
}

class TakeDue implements Command {
  readonly facts: { readonly owner: string; readonly limit: number };
  constructor(facts: TakeDue["facts"]) {
    this.facts = facts;
  }
  check = () => true;
  async run(model: Model, store: TimedStore): Promise<void> {
    const { owner, limit } = this.facts;
    interrupted(model, owner);
    const due = model.runs.filter((run) => isDue(model, run));
    const claims = await store.claim({ ...lease(model.now, owner), limit });
    const claimed = claims.map(({ run }) => due.find(({ id }) => id === run.id)!);
    assert.ok(!claimed.includes(undefined!), "only due runs are claimed");
    const isSuspect = (run: Known) => run.status === "queued" && run.interruptions >= 2;
    const suspects = due.filter(isSuspect);
    const busy = model.runs.some((run) => run.status === "running" && run.owner === owner && run.interruptions >= 2);
    assert.ok(claimed.filter(isSuspect).length <= (busy ? 0 : 1), "one suspect at a time");
    assert.ok(claims.length <= Math.min(limit, due.length));
    assert.ok(claims.length >= Math.min(limit, due.length) - suspects.length, "all others are claimed");
    // The workflow's `cancelled` goes first.
    const dueAt = (run: Known) => (run.handler === "due" ? 0 : run.dueAt);
    const latest = Math.max(...claimed.map(dueAt));
    for (const run of due) {
      assert.ok(claimed.includes(run) || isSuspect(run) || dueAt(run) >= latest, "the longest due goes first");
    }
    for (const [at, claim] of claims.entries()) take(model, claimed[at]!, claim, owner);
    await holds(model, store);
  }
  toString = () => `claim(${JSON.stringify(this.facts)})`;
}

function isDue(model: Model, run: Known): boolean {
  if (run.handler === "due") {
    const others = groupOf(model, run).filter(({ handler }) => handler === "due" || handler === "running");
    return !holderIn(model, run) && !others.some(({ handler }) => handler === "running") && (others[0] ?? run) === run;
  }
  if (model.paused.size > 0 || run.dueAt > model.now) return false;
  if (run.status === "waiting") return true;
  const line = groupOf(model, run).filter(({ status }) => status === "queued");
  return run.status === "queued" && !isBusy(model, run) && (line[0] === run || line.length === 0);
}

/** Runs whose lease has ended were interrupted. */
function interrupted(model: Model, owner: string): void {
  let ahead = 0;
  const lost = model.runs.filter((run) => isUnderWay(run) && run.leaseUntil <= model.now);
  const alone = lost.filter((each) => each.owner !== owner && isAlone(model, each));
  for (const run of lost) {
    model.taken.set(run.owner, new Set([...(model.taken.get(run.owner) ?? []), run.id]));
    if (run.status !== "running") {
      run.handler = undefined;
      continue;
    }
    run.interruptions++;
    if (alone.includes(run)) run.alone++;
    if (run.cancelled) {
      endCancelled(run);
      continue;
    }
    const { interruptions: inARow, alone: often } = run;
    const next = afterInterruption(run, { now: model.now, inARow, alone: often, ahead });
    if (next.end) Object.assign(run, { status: "failure", keys: [] });
    else requeue(model, run, next.dueAt);
    if (!next.end && next.dueAt > model.now) ahead++;
  }
}

function take(model: Model, run: Known, claim: Claim, owner: string): void {
  const handler = run.handler === "due";
  Object.assign(run, { attempts: run.attempts + 1, owner, leaseUntil: model.now + LEASE_MS, woken: false });
  Object.assign(run, handler ? { handler: "running" } : { status: "running" });
  assert.deepEqual([claim.attempt, claim.owner, claim.run.status], [run.attempts, owner, run.status]);
  assert.equal(claim.handler ?? false, handler, "`cancelled` is called once, and `run` never again");
  const waits = run.waits.map(({ name, attempt, until }) => [name, attempt, until <= model.now]);
  const known = (claim.waits ?? []).map(({ name, attempt, isOver }) => [name, attempt, isOver]);
  assert.deepEqual(known.toSorted(), waits.toSorted(), "it knows its waits, and which are over");
  assert.deepEqual(claim.steps.map(({ name }) => name).toSorted(), run.over.toSorted());
  given(model, claim);
}

const ENDS = ["success", "failure", "again", "limit", "wait", "wait", "wait"] as const;

class Settle implements Command {
  readonly facts: {
    readonly nth: number;
    readonly end: (typeof ENDS)[number];
    readonly delay: number;
    /** The run checks again after this time; otherwise it sleeps. */
    readonly every: number | undefined;
    readonly key: string | undefined;
    /** Its waits are over. */
    readonly over: boolean;
  };
  constructor(facts: Settle["facts"]) {
    this.facts = facts;
  }
  check = ({ claims }: Readonly<Model>) => claims.length > 0;
  async run(model: Model, store: TimedStore): Promise<void> {
    const { nth, end, delay } = this.facts;
    // Recent claims more often, because most old ones are settled.
    const held = model.claims.at(-1 - (nth % model.claims.length))!;
    const { claim } = held;
    const run = model.runs.find(({ id }) => id === claim.run.id)!;
    const holdsClaim = isUnderWay(run) && run.attempts === claim.attempt && run.owner === claim.owner;
    const isHandling = claim.handler === true;
    const retries = !run.ownToken && !isHandling && (end === "again" || end === "limit");
    const waits =
      !run.ownToken && !isHandling && end === "wait" ? await this.waits(model, store, claim, run) : undefined;
    const settlement: Settlement =
      waits ??
      (retries ? again(model.now + delay, end === "again") : end === "success" || end === "wait" ? SUCCESS : FAILURE);
    const outcome = settlement.status === "queued" ? "failure" : settlement.status;
    const facts = { reason: waits?.reason, ...(isHandling ? { handler: true } : {}) };
    const attempt = { ...attemptOf(claim, outcome as "success", model.now), ...facts };
    const settled = await store.settle(claim, attempt, settlement);
    assert.equal(settled !== undefined, holdsClaim, "a claim settles once, and only while it is held");
    if (settled) {
      held.until = 0;
      this.settled(model, run, settlement);
      assert.equal(settled.status, run.status);
    }
    const numbers = (await store.get(run.id))!.attempts.map(({ number }) => number);
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].toSorted((a, b) => a - b),
    );
    const ended = isUnderWay(run) ? run.attempts - 1 : run.attempts;
    // Of attempts that checked without success, the latest is kept.
    assert.equal(run.hasWaited ? (numbers.at(-1) ?? 0) : numbers.length, ended, "every attempt is known");
    await holds(model, store);
  }
  settled(model: Model, run: Known, settlement: Settlement): void {
    const { end, delay, every } = this.facts;
    if (run.status !== "running") run.handler = undefined;
    else {
      Object.assign(run, { interruptions: 0, alone: 0 });
      const isDone = settlement.status === "success" || settlement.status === "skipped";
      if (run.cancelled && !isDone) endCancelled(run);
      else if (settlement.status === "queued") {
        run.failures += end === "again" ? 1 : 0;
        requeue(model, run, model.now + delay);
      } else if (settlement.status === "waiting") {
        const { wakeKeys } = settlement;
        const rows = settlement.waits.map((wait) => {
          const known = run.waits.find(({ name }) => name === wait.name);
          const { name, attempt } = wait;
          const until = known?.until ?? model.now + (wait.until as { inMs: number }).inMs;
          // The second check comes soon, because the event may have come during the first.
          const looksSoon = every !== undefined && wakeKeys.length > 0 && !known;
          const next = every === undefined ? until : model.now + (looksSoon ? Math.min(every, 5000) : every);
          return { name, attempt, until, dueAt: Math.min(until, next) };
        });
        const dueAt = run.woken ? model.now : Math.min(...rows.map((row) => row.dueAt));
        const kept = rows.map(({ name, attempt, until }) => ({ name, attempt, until }));
        const left = run.waits.filter(({ name }) => !kept.some((each) => each.name === name));
        Object.assign(run, { status: "waiting", dueAt, failures: 0, woken: false, keys: wakeKeys, hasWaited: true });
        run.waits = [...left, ...kept];
      } else Object.assign(run, { status: settlement.status, keys: [], handler: undefined, cancelled: undefined });
    }
  }
  /** Ends the waits that are over, and returns what the run waits for now. */
  async waits(model: Model, store: TimedStore, claim: Claim, run: Known) {
    const { delay, every, key, over } = this.facts;
    const known = claim.waits ?? [];
    const isHeld = run.status === "running" && run.attempts === claim.attempt && run.owner === claim.owner;
    if (over) {
      for (const { name, kind, attempt, startedAt } of known) {
        const end = { endedAt: model.now, result: 1, error: undefined };
        await store.saveStep(claim, { name, kind, attempt, startedAt, ...end });
      }
      if (isHeld) {
        const ended = known.map(({ name }) => name);
        run.over = [...run.over, ...ended];
        run.waits = run.waits.filter(({ name }) => !ended.includes(name));
      }
    }
    const kind = every === undefined ? "sleep" : "waitUntil";
    const again = every === undefined ? {} : { againInMs: every };
    const fresh = { name: `wait ${claim.attempt}`, attempt: claim.attempt, startedAt: model.now };
    const [first, ...others] = over || known.length === 0 ? [] : known;
    const waits: BegunWait[] = first
      ? [first, ...others].map((wait) => ({ ...wait, until: { inMs: delay }, ...again }))
      : [{ ...fresh, kind, until: { inMs: delay }, ...again }];
    return { status: "waiting", reason: "waits", waits, wakeKeys: key === undefined ? [] : [key] } as const;
  }
  toString = () => `settle(${JSON.stringify(this.facts)})`;
}

class Wake implements Command {
  readonly key: string;
  constructor(key: string) {
    this.key = key;
  }
  check = () => true;
  async run(model: Model, store: TimedStore): Promise<void> {
    await store.at(model.now);
    const woken = model.runs.filter(
      ({ status, keys }) => (status === "running" || status === "waiting") && keys.includes(this.key),
    );
    assert.equal(await store.wake([this.key]), woken.length, "every run that waits for it is woken");
    for (const run of woken) {
      if (run.status === "running") run.woken = true;
      else run.dueAt = Math.min(run.dueAt, model.now);
    }
    await holds(model, store);
  }
  toString = () => `wake(${this.key})`;
}

class Cancel implements Command {
  readonly nth: number;
  readonly hasHandler: boolean;
  constructor(nth: number, hasHandler: boolean) {
    this.nth = nth;
    this.hasHandler = hasHandler;
  }
  check = ({ runs }: Readonly<Model>) => runs.length > 0;
  async run(model: Model, store: TimedStore): Promise<void> {
    const run = model.runs.at(-1 - (this.nth % model.runs.length))!;
    const expected = !isOpen(run) ? "ended" : run.status === "running" ? "cancelling" : "cancelled";
    const by = { actor: "token alice", at: model.now };
    assert.equal((await store.cancel(run.id, by, () => this.hasHandler)).status, expected);
    if (isOpen(run) && !run.cancelled) cancel(run, this.hasHandler, undefined);
    await holds(model, store);
  }
  toString = () => `cancel(${this.nth}, ${this.hasHandler})`;
}

class Pause implements Command {
  readonly workflow: string;
  readonly isPaused: boolean;
  constructor(workflow: string, isPaused: boolean) {
    this.workflow = workflow;
    this.isPaused = isPaused;
  }
  check = () => true;
  async run(model: Model, store: TimedStore): Promise<void> {
    const { workflow, isPaused } = this;
    const by = { actor: "token alice", at: model.now };
    const changed = await (isPaused ? store.pause(workflow, by) : store.resume(workflow, by));
    assert.equal(changed, model.paused.has(workflow) !== isPaused);
    if (isPaused) model.paused.add(workflow);
    else model.paused.delete(workflow);
    await holds(model, store);
  }
  toString = () => `${this.isPaused ? "pause" : "resume"}(${this.workflow})`;
}

class LetPass implements Command {
  readonly milliseconds: number;
  constructor(milliseconds: number) {
    this.milliseconds = milliseconds;
  }
  check = () => true;
  async run(model: Model): Promise<void> {
    model.now += this.milliseconds;
  }
  toString = () => `${this.milliseconds} ms pass`;
}

class Extend implements Command {
  readonly owner: string;
  constructor(owner: string) {
    this.owner = owner;
  }
  check = () => true;
  async run(model: Model, store: TimedStore): Promise<void> {
    const held = model.claims.filter(({ claim }) => claim.owner === this.owner);
    await store.at(model.now);
    const extended = await store.extend(
      held.map(({ claim }) => claim),
      LEASE_MS,
    );
    for (const each of held) {
      const { claim } = each;
      const run = model.runs.find(({ id, attempts }) => id === claim.run.id && attempts === claim.attempt);
      const isHeld = run !== undefined && isUnderWay(run) && run.owner === this.owner;
      assert.equal(extended.includes(claim), isHeld, "it says which claims it has extended");
      if (!isHeld) continue;
      run.leaseUntil = model.now + LEASE_MS;
      each.until = run.leaseUntil;
    }
    await holds(model, store);
  }
  toString = () => `extend(${this.owner})`;
}

class RunAgain implements Command {
  readonly facts: { readonly nth: number; readonly evenIfOlder: boolean; readonly from: "start" | "failure" };
  constructor(facts: RunAgain["facts"]) {
    this.facts = facts;
  }
  check = ({ runs }: Readonly<Model>) => runs.length > 0;
  async run(model: Model, store: TimedStore): Promise<void> {
    const { nth, evenIfOlder, from } = this.facts;
    const run = model.runs[nth % model.runs.length]!;
    const isHandled = run.handler === "due" || run.handler === "running";
    const busy = !run.inOrder && (queuedIn(model, run) ?? holderIn(model, run)) !== undefined;
    const allowed = !isOpen(run) && !isHandled && !run.ownToken && !busy;
    const newer = groupOf(model, run).some(
      (other) => model.runs.indexOf(other) > model.runs.indexOf(run) && (!run.inOrder || other.attempts > 0),
    );
    const rerun = await store.rerun(run.id, model.now, { evenIfOlder, from });
    const queued = allowed && (evenIfOlder || !newer);
    assert.equal(rerun.status === "queued", queued);
    if (queued) {
      const { waits, over } = run;
      Object.assign(run, { ...UNTOUCHED, status: "queued", dueAt: model.now, firstAttempt: run.attempts + 1 });
      if (from === "failure") Object.assign(run, { waits, over });
    }
    await holds(model, store);
  }
  toString = () => `rerun(${JSON.stringify(this.facts)})`;
}

class Hasten implements Command {
  check = () => true;
  async run(model: Model, store: TimedStore): Promise<void> {
    await store.at(model.now);
    const { runs } = await store.list({ status: "queued" }, { limit: 1000 });
    const retries = new Set(runs.flatMap(({ id, kind }) => (kind === "transient" ? id : [])));
    const delayed = model.runs.filter(({ id, dueAt }) => retries.has(id) && dueAt > model.now);
    assert.equal(await store.hasten(), delayed.length);
    for (const [at, run] of delayed.entries())
      Object.assign(run, { dueAt: model.now - at - 1, failures: Math.max(0, run.failures - 1) });
    await holds(model, store);
  }
  toString = () => "hasten";
}

/** What must hold after every step in the store, and that the store agrees with the model. */
async function holds(model: Model, store: TimedStore): Promise<void> {
  const { runs } = await store.list({}, { limit: 1000 });
  const known = new Map(runs.map((run) => [run.id, run]));
  assert.deepEqual(
    runs.map(({ id }) => id),
    model.runs.map(({ id }) => id).toReversed(),
    "every accepted run is known, newest first",
  );
  const inGroup = runs.filter(({ group, ownToken }) => group && !ownToken);
  const placesOf = (...statuses: Run["status"][]) =>
    inGroup.filter(({ status }) => statuses.includes(status)).map(({ group }) => group);
  const held = placesOf("running", "waiting");
  assert.equal(new Set(held).size, held.length, "at most one run of a group runs or waits");
  const queued = placesOf("queued").filter((group) => group !== "line");
  assert.equal(new Set(queued).size, queued.length, "at most one run of a group is queued, unless all of them run");
  for (const run of runs) {
    let last = run;
    for (let length = 0; last.status === "superseded"; length++) {
      assert.ok(length <= runs.length, "a chain of successors ends");
      assert.ok(last.endedAt !== undefined && last.supersededBy !== undefined);
      last = known.get(last.supersededBy)!;
      assert.ok(last, "a successor is known");
    }
    assert.equal(run.endedAt === undefined, isOpen(run));
  }
  for (const expected of model.runs) {
    const { status, attempts, failures, supersededBy, dueAt } = known.get(expected.id)!;
    assert.deepEqual(
      { status, attempts, failures, supersededBy, dueAt },
      {
        status: expected.status,
        attempts: expected.attempts,
        failures: expected.failures,
        supersededBy: expected.supersededBy,
        dueAt: expected.status === "queued" || expected.status === "waiting" ? expected.dueAt : undefined,
      },
    );
  }
  const watched = (await store.watched()).map(({ run }) => run);
  const waits = model.runs.flatMap(({ id, status, keys }) =>
    (status === "waiting" || status === "running") && keys.includes(WATCHED) ? id : [],
  );
  assert.deepEqual(watched, waits, "what waits for a run of Actions is known");
  await store.at(model.now);
  const due = model.runs.flatMap(({ status, dueAt, handler }) => {
    if (handler === "due") return [model.now];
    return (status === "queued" || status === "waiting") && model.paused.size === 0 ? [dueAt] : [];
  });
  assert.equal(await store.nextDue(), due.length > 0 ? Math.min(...due) : undefined);
}

/** For any history: once nothing is paused and every attempt succeeds, every accepted run ends. */
async function ends(model: Model, store: TimedStore): Promise<void> {
  for (const workflow of model.paused) await store.resume(workflow, { actor: "token alice", at: model.now });
  let now = model.now;
  for (let round = 0; round < 200; round++) {
    const { runs } = await store.list({}, { limit: 1000 });
    const [activity, next] = [runs.filter(isOpen), await store.nextDue()];
    if (activity.length === 0 && next === undefined) return;
    now += LEASE_MS;
    for (const claim of await store.claim({ ...lease(now, "last"), limit: 10 })) {
      assert.equal(claim.run.status === "cancelled", claim.handler === true);
      const attempt = { ...attemptOf(claim, "success", now), ...(claim.handler ? { handler: true } : {}) };
      assert.ok(await store.settle(claim, attempt, SUCCESS));
    }
  }
  assert.fail("every accepted run ends");
}

const owner = fc.constantFrom("one", "two");
const rarely = fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
const PULL = "pull_request mona/app 7";
const key = fc.constantFrom(PULL, PULL, PULL, WATCHED);
const COMMANDS: fc.Arbitrary<Command>[] = [
  fc
    .record({
      group: fc.constantFrom("a", "b", "line", "line", undefined),
      input: fc.constantFrom(1, 2),
      ownToken: rarely,
      take: fc.boolean(),
      owner,
      cancelRunning: rarely,
      hasHandler: fc.boolean(),
    })
    .map((facts) => new Accept(facts)),
  fc.record({ owner, limit: fc.integer({ min: 1, max: 3 }) }).map((facts) => new TakeDue(facts)),
  fc.record({ owner, limit: fc.integer({ min: 1, max: 3 }) }).map((facts) => new TakeDue(facts)),
  fc
    .record({
      nth: fc.nat({ max: 2 }),
      end: fc.constantFrom(...ENDS),
      delay: fc.constantFrom(0, 0, 5000, LEASE_MS),
      every: fc.option(fc.constantFrom(1000, 20_000), { nil: undefined }),
      key: fc.option(key, { nil: undefined, freq: 5 }),
      over: rarely,
    })
    .map((facts) => new Settle(facts)),
  key.map((each) => new Wake(each)),
  key.map((each) => new Wake(each)),
  fc.tuple(fc.nat({ max: 5 }), fc.boolean()).map(([nth, hasHandler]) => new Cancel(nth, hasHandler)),
  fc.tuple(fc.constantFrom("deploy", ALL_WORKFLOWS), rarely).map(([name, isPaused]) => new Pause(name, isPaused)),
  fc.constantFrom(1, 5000, LEASE_MS - 1, LEASE_MS).map((milliseconds) => new LetPass(milliseconds)),
  owner.map((name) => new Extend(name)),
  fc.constant(new Hasten()),
  fc
    .record({ nth: fc.nat({ max: 20 }), evenIfOlder: fc.boolean(), from: fc.constantFrom("start", "failure") })
    .map((facts) => new RunAgain(facts)),
];

const postgres = postgresForTests();

for (const [name, open, { takesOver, histories }] of [
  ["SQLite", memorySqlite, { takesOver: false, histories: 300 }],
  ["PostgreSQL", timedPostgres(postgres), { takesOver: true, histories: 16 }],
] as const) {
  describe(`${name}: any order of actions`, () => {
    it("no run is lost, none is executed twice at the same time, and each group keeps its promises", async (t) => {
      await fc.assert(
        fc.asyncProperty(fc.commands(COMMANDS, { maxCommands: 60, size: "max" }), async (commands) => {
          const { store } = await open(t);
          const model = newModel(takesOver);
          try {
            await fc.asyncModelRun(() => ({ model, real: store }), commands);
            await ends(model, store);
          } finally {
            await store.close();
          }
        }),
        { numRuns: Number(process.env.PROPERTY_RUNS ?? histories) },
      );
    });
  });
}
