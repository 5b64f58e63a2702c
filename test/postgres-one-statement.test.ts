import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import type { Claim, Settlement } from "../src/model/claim.ts";
import type { Order } from "../src/model/new-run.ts";
import type { Run } from "../src/model/run.ts";
import { ALL_WORKFLOWS } from "../src/model/run-actions.ts";
import { type AcceptItem, acceptAll } from "../src/store/postgres/accept.ts";
import { claimRuns } from "../src/store/postgres/claim.ts";
import { connect, type Database, type Sql } from "../src/store/postgres/connect.ts";
import { migrate } from "../src/store/postgres/migrate.ts";
import { namesFor } from "../src/store/postgres/names.ts";
import { pauseWorkflow, resumeWorkflow } from "../src/store/postgres/pauses.ts";
import { cancelOne, type SettleItem, settleAll } from "../src/store/postgres/settle.ts";
import { acceptUnhindered, settleUnhindered } from "../src/store/postgres/unhindered.ts";
import type { Replica } from "../src/store/postgres/write.ts";
import { again, attemptOf, event, FAILURE, LEASE_MS, lease, NOW, SUCCESS } from "./store.contract.ts";
import { postgresForTests } from "./support/postgres.ts";

/**
 * One statement for the simple cases must decide what the rules decide from the whole situation. The test runs the same history
 * in two schemas, one of which only uses the transaction. Both must have the same rows after each step.
 */

const postgres = postgresForTests();

const LINE = { number: 1, at: NOW, level: "info", message: "a\0", facts: undefined } as const;
const HOUR_MS = 3_600_000;
const BY = { actor: "token alice", at: NOW };

const owner = fc.constantFrom("one", "two");
const NOTHING = { weight: 6, arbitrary: fc.constant(undefined) };
const order: fc.Arbitrary<Order | undefined> = fc.oneof(
  NOTHING,
  fc.record({ cancelRunning: fc.constant(true), hasHandler: fc.boolean() }),
  fc.constant({ queue: "all" as const }),
  fc.constant({ debounceMs: 5000 }),
  fc.constant({ throttle: { limit: 1, perMs: 5000 } }),
);
const arrival = fc.record({
  workflow: fc.constantFrom("deploy", "deploy", "other"),
  group: fc.constantFrom("a", "a", "b", "ünï\0", undefined),
  n: fc.constantFrom(1, 2),
  ownToken: fc.constantFrom(false, false, false, true),
  event: fc.option(
    fc.record({
      ...{ source: fc.constantFrom("hook", "\ud83d"), id: fc.constantFrom("x", "y\0") },
      tick: fc.constantFrom(undefined, undefined, NOW, NOW + 1),
    }),
    { nil: undefined },
  ),
  order,
  trigger: fc.constantFrom(undefined, undefined, "manual" as const),
  take: fc.constantFrom(true, true, false),
  owner,
  /** The error of the process's clock. */
  wrong: fc.constantFrom(0, 0, HOUR_MS, -HOUR_MS),
});
const end = fc.record({
  nth: fc.nat({ max: 5 }),
  status: fc.constantFrom("success", "success", "skipped", "failure", "queued", "waiting", "cancelled"),
  unsure: fc.constantFrom(false, false, false, true),
  lines: fc.nat({ max: 2 }),
  wrong: fc.constantFrom(0, 0, HOUR_MS, -HOUR_MS),
});
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ accept: fc.array(arrival, { minLength: 1, maxLength: 6 }) }) },
  { weight: 4, arbitrary: fc.record({ settle: fc.array(end, { minLength: 1, maxLength: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ claim: owner }) },
  { weight: 2, arbitrary: fc.record({ cancel: fc.nat({ max: 3 }), hasHandler: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ pause: fc.constantFrom("deploy", ALL_WORKFLOWS), again: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ pass: fc.constantFrom(1, 5000, LEASE_MS) }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const FREE = { workflow: "deploy", group: "a", n: 1, ownToken: false, event: undefined, order: undefined } as const;
const BEGINS: Step = { accept: [{ ...FREE, trigger: undefined, take: true, owner: "one", wrong: 0 }] };
const FAILS: Step = { settle: [{ nth: 0, status: "failure", unsure: false, lines: 0, wrong: 0 }] };
/** Rare by chance: a run whose workflow's `cancelled` is due occupies its group. */
const BEHIND_A_HANDLER = [BEGINS, { cancel: 0, hasHandler: true }, FAILS, BEGINS];

type Side = { readonly schema: string; readonly database: Database; readonly isWhole: boolean };
/** How many runs one statement stored. */
const inOneStatement = { accepted: 0, settled: 0 };
type Told = { readonly queued: boolean; readonly settled: readonly string[]; readonly cancel: readonly string[] };

/** A store without its timers, with a clock that the test moves. */
function replicaOf({ schema }: Side, now: number, ahead: number): { replica: Replica; told(): Told } {
  const news: Partial<Told>[] = [];
  const names = namesFor(schema, `${now}::bigint`);
  const tell = (_: unknown, told: Partial<Told>) => void news.push(told);
  return {
    replica: { names, shard: 0, now: () => now + ahead, tell, written: (told) => JSON.stringify(told) },
    told: () => ({
      queued: news.some(({ queued }) => queued === true),
      settled: news.flatMap(({ settled = [] }) => settled).toSorted(),
      cancel: news.flatMap(({ cancel = [] }) => cancel).toSorted(),
    }),
  };
}

async function acceptOn(side: Side, now: number, items: readonly AcceptItem[]) {
  const { replica, told } = replicaOf(side, now, 0);
  const results = new Map<AcceptItem, unknown>();
  const left = side.isWhole
    ? items
    : await acceptUnhindered(
        side.database,
        replica,
        items,
        () => false,
        (item, result) => results.set(item, result),
      );
  const notes: unknown[] = [];
  const note = async (...entries: readonly unknown[]) => void notes.push(...entries);
  const rest = await side.database.transaction((sql) => acceptAll(sql, note, replica, left));
  inOneStatement.accepted += items.length - left.length;
  for (const [at, item] of left.entries()) results.set(item, rest[at]);
  return { results: items.map((item) => results.get(item)), told: told(), notes };
}

async function settleOn(side: Side, now: number, ahead: number, items: readonly SettleItem[]) {
  const { replica, told } = replicaOf(side, now, ahead);
  const results = new Map<SettleItem, Run | undefined>();
  const left = side.isWhole
    ? items
    : await settleUnhindered(
        side.database,
        replica,
        items,
        () => false,
        (item, run) => results.set(item, run),
      );
  const rest = await side.database.transaction((sql) => settleAll(sql, replica, left));
  inOneStatement.settled += items.length - left.length;
  for (const [at, item] of left.entries()) results.set(item, rest[at]);
  const runs = items.map((item) => results.get(item));
  const { settled } = told();
  assert.ok(runs.every((run) => run === undefined || settled.includes(run.id)));
  return runs;
}

async function empty({ schema, database: { sql } }: Side): Promise<void> {
  const tables = ["runs", "schedules", "ended_by_hour", "paused_workflows", "search_queue"];
  await sql(`TRUNCATE ${tables.map((table) => `${schema}.${table}`).join(", ")} CASCADE`);
}

/** Everything that is stored, with ids of runs instead of their numbers. The order of unrelated runs is free. */
async function storedBy({ schema, database: { sql } }: Side) {
  const of = (table: string) =>
    sql(`SELECT runs.id AS of, to_jsonb(kept) - 'run' AS row FROM ${schema}.${table} AS kept
      JOIN ${schema}.runs ON runs.seq = kept.run ORDER BY 1, 2`);
  const [runs, attempts, lines, queue, hours, schedules] = await Promise.all([
    sql(`SELECT to_jsonb(runs) - 'seq' AS row FROM ${schema}.runs ORDER BY id`),
    of("attempts"),
    of("log_lines"),
    sql(
      `SELECT DISTINCT runs.id FROM ${schema}.search_queue JOIN ${schema}.runs ON runs.seq = search_queue.run ORDER BY 1`,
    ),
    sql(`SELECT * FROM ${schema}.ended_by_hour ORDER BY hour`),
    sql(`SELECT * FROM ${schema}.schedules ORDER BY workflow`),
  ]);
  return { runs, attempts, lines, queue, hours, schedules };
}

const inOrder = (claims: readonly Claim[]) => claims.toSorted((a, b) => (a.run.id < b.run.id ? -1 : 1));

function settlementOf(
  status: (typeof end extends fc.Arbitrary<infer T> ? T : never)["status"],
  claim: Claim,
  now: number,
): Settlement {
  if (claim.handler || status === "cancelled") return { status: "cancelled", reason: "" };
  if (status === "success") return { status, outputs: { text: "ünï\0" }, dedupeKey: "key" };
  if (status === "skipped") return { status, reason: "nothing to do" };
  if (status === "failure" || claim.run.ownToken)
    return { status: "failure", reason: "no", http: 500, kind: "permanent" };
  if (status === "queued") return { status, dueAt: now, counts: true, reason: "later", http: 500, kind: "transient" };
  const { attempt } = claim;
  const wait = { name: `wait ${attempt}`, kind: "sleep", attempt, startedAt: now, until: { inMs: 1000 } } as const;
  return { status: "waiting", reason: "waits", waits: [wait], wakeKeys: ["pull_request mona/app 7"] };
}

/** The first side uses both paths, the second one only the transaction. */
async function openSides(t: TestContext): Promise<readonly Side[]> {
  const { url } = postgres;
  const onError = () => {};
  const sides: Side[] = [];
  for (const isWhole of [false, true]) {
    const database = connect({ url, isCalm: true }, onError);
    t.after(() => database.close());
    const schema = postgres.schema();
    await migrate(database, namesFor(schema), { url, onError });
    sides.push({ schema, database, isWhole });
  }
  return sides;
}

describe("one statement of PostgreSQL, and the transaction", () => {
  it("decide the same in any situation", async (t) => {
    const sides = await openSides(t);
    const both = async <T>(work: (side: Side) => Promise<T>): Promise<T> => {
      const [one, whole] = [await work(sides[0] as Side), await work(sides[1] as Side)];
      assert.deepEqual(one, whole);
      return whole;
    };

    const property = fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 30, size: "max" }), async (steps) => {
      await both(empty);
      let now = NOW;
      const changed = (work: (sql: Sql, replica: Replica) => Promise<unknown>) =>
        both((side) => side.database.transaction((sql) => work(sql, replicaOf(side, now, 0).replica)));
      const claims: Claim[] = [];
      const ids: string[] = [];
      for (const each of steps) {
        if ("accept" in each) {
          const items = each.accept.map(({ n, take, owner: its, wrong, event, ...facts }) => {
            const identity = event && { source: event.source, id: event.id, ...(event.tick && { tick: event.tick }) };
            const actor = facts.trigger === "manual" ? "token alice" : undefined;
            const given = { ...facts, id: randomUUID(), input: { n }, title: "ti\0tle", event: identity, actor };
            return { event: given, lease: { owner: its, now: now + wrong, leaseMs: LEASE_MS, take } };
          });
          const { results } = await both((side) => acceptOn(side, now, items));
          claims.push(...(results as { claim?: Claim }[]).flatMap(({ claim }) => claim ?? []));
          ids.push(...items.map(({ event }) => event.id));
        } else if ("settle" in each && claims.length > 0) {
          const items = each.settle.map(({ nth, status, unsure, lines, wrong }): SettleItem => {
            const claim = claims.at(-1 - (nth % claims.length)) as Claim;
            const settlement = settlementOf(status, claim, now + wrong);
            const outcome = settlement.status === "queued" ? "failure" : settlement.status;
            const attempt = { ...attemptOf(claim, outcome, now + wrong), ...(claim.handler && { handler: true }) };
            const said = Array.from({ length: lines }, (_, number) => ({ ...LINE, number }));
            return { claim, attempt, settlement, unsure, lines: said };
          });
          // One process settles a claim at most once at a time.
          const once = items.filter(({ claim }, at) => items.findIndex((other) => other.claim === claim) === at);
          await both((side) => settleOn(side, now, each.settle[0]?.wrong ?? 0, once));
        } else if ("claim" in each) {
          const lease = { owner: each.claim, now, leaseMs: LEASE_MS, limit: 100 };
          const claimed = await both(async (side) =>
            inOrder((await claimRuns(side.database, replicaOf(side, now, 0).replica, lease, undefined)).claims),
          );
          claims.push(...claimed);
        } else if ("cancel" in each && ids.length > 0) {
          const id = ids.at(-1 - (each.cancel % ids.length)) as string;
          const options = { id, by: BY, hasHandler: () => each.hasHandler };
          await changed((sql, replica) => cancelOne(sql, async () => {}, replica, options));
        } else if ("pause" in each) {
          const change = each.again ? resumeWorkflow : pauseWorkflow;
          await changed((sql, replica) => change(sql, async () => {}, replica, { workflow: each.pause, by: BY }));
        } else if ("pass" in each) now += each.pass;
        await both(storedBy);
      }
    });
    const numRuns = Number(process.env.PROPERTY_RUNS ?? 25);
    await fc.assert(property, { numRuns, examples: [[BEHIND_A_HANDLER]] });
    assert.ok(inOneStatement.accepted > 0 && inOneStatement.settled > 0);
  });

  it("write nothing for a lost claim when its run has a later claim", async (t) => {
    for (const side of await openSides(t)) {
      for (const settlement of [FAILURE, again(NOW + LEASE_MS)]) {
        const replica = (now: number) => replicaOf(side, now, 0).replica;
        const claimed = async (now: number) => {
          const lease = { owner: "one", now, leaseMs: LEASE_MS, limit: 10 };
          return (await claimRuns(side.database, replica(now), lease, undefined)).claims[0] as Claim;
        };
        await acceptOn(side, NOW, [{ event: event(), lease: lease() }]);
        const [lost, claim] = [await claimed(NOW), await claimed(NOW + LEASE_MS)];
        assert.deepEqual([lost.run.id, lost.attempt, claim.attempt], [claim.run.id, 1, 2]);
        const late = { claim: lost, attempt: attemptOf(lost), settlement: SUCCESS, unsure: false, lines: [LINE] };
        const ends = {
          claim,
          attempt: attemptOf(claim, "failure", NOW + LEASE_MS),
          settlement,
          unsure: false,
          lines: [],
        };
        for (const items of [[late, ends, late], [late]]) {
          const runs = await settleOn(side, NOW + LEASE_MS, 0, items);
          const expected = items.map((item) => (item === ends ? settlement.status : undefined));
          assert.deepEqual(
            runs.map((run) => run?.status),
            expected,
          );
        }
        const { attempts, lines, hours } = await storedBy(side);
        assert.deepEqual(
          attempts.map(({ row }) => (row as unknown as { outcome: string }).outcome),
          ["failure", "interrupted"],
        );
        assert.deepEqual([lines, hours.length], [[], settlement.status === "failure" ? 1 : 0]);
        await empty(side);
      }
    }
  });
});
