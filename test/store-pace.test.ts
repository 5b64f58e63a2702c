import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Claim } from "../src/model/claim.ts";
import type { Order } from "../src/model/new-run.ts";
import type { RunStore } from "../src/model/store.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { again, attemptOf, event, lease, NOW, SUCCESS, type TimedStore } from "./store.contract.ts";
import { databaseClock } from "./support/database-clock.ts";
import { postgresForTests } from "./support/postgres.ts";
import { memorySqlite, timedPostgres } from "./support/timed-stores.ts";

const SECOND = 1000;
const PER = 10 * SECOND;

/** When the first attempts of the runs that share a rate began, by its name. */
type Begun = Map<string, number[]>;

const BY = { actor: "token alice", at: NOW };
const due = (now: number, limit = 100) => ({ ...lease(now), limit });

/** The limit holds in every window of this length. */
function holdsLimit(begun: readonly number[], { limit, perMs }: NonNullable<Order["throttle"]>): void {
  const times = begun.toSorted((a, b) => a - b);
  for (const [at, time] of times.entries()) {
    const next = times[at + limit];
    assert.ok(next === undefined || next - time >= perMs, `${limit + 1} began within ${(next ?? 0) - time} ms`);
  }
}

const steps = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      does: fc.constant("accept" as const),
      group: fc.constantFrom(undefined, undefined, "a", "b", "line"),
      take: fc.boolean(),
      debounced: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ does: fc.constant("claim" as const), limit: fc.integer({ min: 1, max: 5 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ does: fc.constant("settle" as const), nth: fc.nat(5), retry: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("pause" as const), isPaused: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant("pass" as const),
      ms: fc.constantFrom(1, 900, 3000, PER - 1, PER, 50_000),
    }),
  },
);

type Step = typeof steps extends fc.Arbitrary<infer Kind> ? Kind : never;

async function led(store: TimedStore, limit: number, all: readonly Step[]): Promise<void> {
  const throttle = { limit, perMs: PER };
  const begun: Begun = new Map();
  const accepted = new Set<string>();
  let claims: Claim[] = [];
  let now = NOW;
  let input = 0;
  const begins = (claim: Claim) => {
    claims.push(claim);
    const { group } = claim.run;
    if (claim.attempt === 1) begun.set(group ?? "", [...(begun.get(group ?? "") ?? []), now]);
    for (const times of begun.values()) holdsLimit(times, throttle);
  };
  const settle = async (claim: Claim, retry: boolean) => {
    claims = claims.filter((each) => each !== claim);
    const outcome = retry ? "failure" : "success";
    await store.settle(claim, attemptOf(claim, outcome, now), retry ? again(now + 2 * SECOND) : SUCCESS);
  };
  for (const step of all) {
    await store.at(now);
    if (step.does === "pass") now += step.ms;
    else if (step.does === "pause") await (step.isPaused ? store.pause("deploy", BY) : store.resume("deploy", BY));
    else if (step.does === "claim") (await store.claim(due(now, step.limit))).forEach(begins);
    else if (step.does === "settle") {
      const claim = claims[step.nth % Math.max(1, claims.length)];
      if (claim) await settle(claim, step.retry);
    } else {
      const { group, take, debounced } = step;
      const inOrder = group === "line";
      const order: Order = {
        throttle,
        ...(inOrder ? { queue: "all" } : debounced ? { debounceMs: 3 * SECOND } : {}),
      };
      const done = await store.accept(event({ group, order, input: ++input }), { ...lease(now), take });
      accepted.add(done.run);
      if (done.claim) begins(done.claim);
    }
    // Leases end after a minute.
    if (step.does === "pass" && step.ms === 50_000) for (const claim of claims) await settle(claim, false);
  }
  await store.resume("deploy", BY);
  for (let round = 0; ; round++) {
    assert.ok(round < 4 * accepted.size + 20, "it ends");
    for (const claim of claims) await settle(claim, false);
    await store.at(now);
    const claimed = await store.claim(due(now));
    claimed.forEach(begins);
    if (claimed.length > 0) continue;
    if ((await store.nextDue()) === undefined) break;
    // A due run already waits for its turn. The worker checks again when the next one is due.
    const next = await store.nextDue(0);
    assert.ok(next !== undefined && next > now, "it is known when to look again");
    now = next;
  }
  for (const id of accepted) {
    const { status, supersededBy } = (await store.get(id))!.run;
    assert.ok(status === "success" || accepted.has(supersededBy ?? ""), "none is lost");
  }
}

const postgres = postgresForTests();

describe("A limit on the rate of runs", () => {
  for (const [name, open, numRuns] of [
    ["SQLite", memorySqlite, 60],
    ["PostgreSQL", timedPostgres(postgres), 8],
  ] as const) {
    it(`holds in ${name} for any order of actions, and nothing is lost`, async (t) => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 3 }),
          fc.array(steps, { maxLength: 50, size: "max" }),
          async (limit, all) => {
            const { store } = await open(t);
            try {
              await led(store, limit, all);
            } finally {
              await store.close();
            }
          },
        ),
        { numRuns: Number(process.env.PROPERTY_RUNS ?? numRuns) },
      );
    });
  }

  it("holds for three replicas that accept and claim at the same time", async (t) => {
    const schema = postgres.schema();
    const time = await databaseClock(postgres.url, schema, NOW);
    const clock = { now: () => time.now(), monotonic: () => time.now(), alarm: () => () => {} };
    const stores: RunStore[] = [];
    for (let n = 0; n < 3; n++) {
      const options = { url: postgres.url, schema, clock, databaseNow: time.databaseNow, onError: () => {} };
      const store = await openPostgresStore(options);
      t.after(() => store.close());
      stores.push(store);
    }
    const throttle = { limit: 4, perMs: PER };
    const begun: number[] = [];
    let ended = 0;
    for (let round = 0; ended < 60; round++) {
      assert.ok(round < 40, "it ends");
      const now = time.now();
      const work = stores.flatMap((store, nth) => {
        const owner = `replica ${nth}`;
        const accept = async () => {
          const { claim } = await store.accept(event({ order: { throttle } }), { ...lease(now, owner), take: true });
          return claim ? [claim] : [];
        };
        const claim = () => store.claim({ ...lease(now, owner), limit: 10 });
        const end = async (claims: Promise<readonly Claim[]>) => {
          for (const each of await claims) {
            if (each.attempt === 1) begun.push(now);
            await store.settle(each, attemptOf(each, "success", now), SUCCESS);
            ended++;
          }
        };
        return [...(round < 4 ? Array.from({ length: 5 }, accept) : []), claim(), claim()].map(end);
      });
      await Promise.all(work);
      await time.setTime(now + (round % 3 === 2 ? PER : PER / 2));
    }
    assert.equal(begun.length, 60);
    holdsLimit(begun, throttle);
  });
});
