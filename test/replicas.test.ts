import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import * as z from "zod";
import { defineWorkflow } from "../src/index.ts";
import { systemClock } from "../src/model/clock.ts";
import type { NewRun } from "../src/model/new-run.ts";
import type { RunStore } from "../src/model/store.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { movedClock, until } from "./support/clock.ts";
import { postgresForTests } from "./support/postgres.ts";
import { deploy, notify, type Service, send, startService, TARGET } from "./support/service.ts";

/** How many runs a replica executes at the same time. */
const FULL = 64;

const postgres = postgresForTests();

/** Replicas of one deployment. Each is in front of a separate GitHub, which shows which replica sent a request. */
async function replicas(
  t: TestContext,
  count: number,
  { settings = {}, options = {} }: Parameters<typeof startService>[1] = {},
): Promise<Service[]> {
  const shared = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema() };
  return Promise.all(
    Array.from({ length: count }, () => startService(t, { settings: { ...settings, ...shared }, options })),
  );
}

/** Fills this replica with runs that hang at GitHub, as many as it executes at the same time. */
async function fill({ github, url }: Service): Promise<void> {
  github.fault({}, { kind: "hang" });
  const names = Array.from({ length: FULL }, (_, n) => `pr-busy-${n}`);
  await Promise.all(names.map((application) => notify(url, { application }, { prefer: "respond-async" })));
  const running = async () => (await send(url, { path: "/api/runs?status=running&limit=100" })).json.runs.length;
  await until("it is full", async () => (await running()) === FULL);
}

describe("two replicas that start at the same time on an empty database", () => {
  it("both answer, and show the same runs", async (t) => {
    const [one, two] = (await replicas(t, 2)) as [Service, Service];
    deploy(one.github, "pr-1", "abc");
    const answer = await notify(one.url, { application: "pr-1" });
    assert.deepEqual([answer.status, answer.json.commitHash], [200, "abc"]);
    const id = answer.headers["x-run-id"];
    assert.equal((await send(two.url, { path: `/api/runs/${id}` })).json.status, "success");
  });
});

describe("a caller of one replica", () => {
  it("gets an answer for a run that another one executes", async (t) => {
    const [busy, other] = (await replicas(t, 2)) as [Service, Service];
    await fill(busy);
    deploy(other.github, "pr-1", "abc");
    const answer = await notify(busy.url, { application: "pr-1" });
    assert.deepEqual([answer.status, answer.json.commitHash], [200, "abc"]);
    assert.equal(other.github.dispatches.length, 1);
  });

  it("is answered immediately when the attempt fails elsewhere", async (t) => {
    const [busy, other] = (await replicas(t, 2)) as [Service, Service];
    await fill(busy);
    other.github.fault({}, { kind: "status", status: 502 });
    const answer = await notify(busy.url, { application: "pr-1" });
    assert.equal(answer.status, 500);
    assert.match(answer.json.detail, /502.*retried automatically/);
  });

  it("gets the outcome of the newer run that replaced its run at another one", async (t) => {
    const [one, two] = (await replicas(t, 2)) as [Service, Service];
    for (const { github } of [one, two]) deploy(github, "pr-1", "abc");
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const { github } of [one, two]) github.fault({ times: 2 }, { kind: "hold", until: promise });
    const first = notify(one.url, { application: "pr-1" }, { prefer: "respond-async" });
    const running = (await first).json.run as string;
    await until(
      "it runs",
      async () => (await send(two.url, { path: `/api/runs/${running}` })).json.status === "running",
    );
    const waiting = notify(one.url, { application: "pr-1" });
    const queued = async () => (await send(two.url, { path: "/api/runs?status=queued" })).json.runs.length;
    await until("it waits", async () => (await queued()) === 1);
    const newer = notify(two.url, { application: "pr-1", revision: "main" });
    await until(
      "it was superseded",
      async () => (await send(two.url, { path: "/api/runs?status=superseded" })).json.runs.length === 1,
    );
    resolve();
    const [older, last] = await Promise.all([waiting, newer]);
    assert.deepEqual([older.status, last.status], [200, 200]);
    assert.equal(older.headers["x-run-id"], last.headers["x-run-id"]);
  });
});

describe("a run of a replica that is stopped", () => {
  it("continues immediately at another one, and the first sends nothing more", async (t) => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    let told: string | undefined;
    const work = defineWorkflow({
      name: "work",
      on: { http: { path: "/work", body: z.object({}) } },
      async run({ attempt, github: { dispatch } }) {
        // It ignores its signal.
        if (attempt === 1) await released;
        const sent = dispatch(TARGET, "work", { attempt });
        if (attempt === 1) told = await sent.then(() => "sent").catch(({ message }) => message);
        await sent;
      },
    });
    // Moved by less than the polling interval of a replica.
    const clock = movedClock();
    const workflows = [{ workflow: work as Workflow, file: "work.ts" }];
    const [one, two] = (await replicas(t, 2, {
      options: { clock, workflows, serverLimits: { drainMs: 100 } },
    })) as [Service, Service];
    const headers = { prefer: "respond-async" };
    const { run: id } = (await send(one.url, { method: "POST", path: "/work", headers, body: "{}" })).json;
    const shown = async () => (await send(two.url, { path: `/api/runs/${id}` })).json;
    await until("it runs", async () => (await shown()).status === "running");
    let isClosed = false;
    const closed = one.app.close().finally(() => {
      isClosed = true;
    });
    for (const part of [80, 20]) {
      await until("its next part is waited for", () => isClosed || (clock.next() ?? 0) <= clock.now() + part);
      clock.move(part);
    }
    await closed;
    await until("it has ended", async () => (await shown()).status === "success");
    release();
    await until("the first attempt gets the error", () => told !== undefined);
    assert.match(told ?? "", /github\.dispatch of work failed: the attempt is over/);
    assert.deepEqual([one.github.dispatches.length, two.github.dispatches.length], [0, 1]);
    assert.deepEqual(
      (await shown()).attempts.map(({ outcome }: { outcome: string }) => outcome),
      ["stopped", "success"],
    );
  });
});

describe("limits that were per process", () => {
  it("are per deployment: a tick of a schedule is one run", async (t) => {
    const clock = movedClock();
    const nightly = defineWorkflow({
      name: "nightly",
      on: { schedule: { cron: "0 13 * * *" } },
      run: async () => ({ done: true }),
    });
    const workflows = [{ workflow: nightly as Workflow, file: "nightly.ts" }];
    const [one, two] = (await replicas(t, 2, { options: { clock, workflows } })) as [Service, Service];
    const runs = async ({ url }: Service) => (await send(url, { path: "/api/runs?workflow=nightly" })).json.runs;
    await until("both know when the next tick is", () => clock.next() !== undefined);
    clock.move(61 * 60_000);
    await until("it has run", async () => (await runs(two))[0]?.status === "success");
    assert.equal((await runs(one)).length, 1);
  });

  it("are per deployment: the same commit within the window is dispatched once", async (t) => {
    const [one, two] = (await replicas(t, 2, { settings: { DEDUPE_SECONDS: "60" } })) as [Service, Service];
    for (const { github } of [one, two]) deploy(github, "pr-1", "abc");
    assert.equal((await notify(one.url, { application: "pr-1" })).json.status, "success");
    assert.equal((await notify(two.url, { application: "pr-1" })).json.status, "skipped");
  });
});

describe("stores of one schema", () => {
  const event = (facts: Partial<NewRun>): NewRun => ({
    id: randomUUID(),
    workflow: "deploy",
    group: undefined,
    input: randomUUID(),
    ownToken: false,
    ...facts,
  });
  const lease = (owner: string) => {
    const now = Date.now();
    return { owner, now, leaseMs: 60_000, take: false };
  };
  const stores = (t: TestContext, count: number): Promise<RunStore[]> => {
    const options = { url: postgres.url, schema: postgres.schema(), clock: systemClock, onError: () => {} };
    return Promise.all(
      Array.from({ length: count }, async () => {
        const store = await openPostgresStore(options);
        t.after(() => store.close());
        return store;
      }),
    );
  };

  it("keep one waiting run per group, at any of them, and give it to one", async (t) => {
    const all = await stores(t, 3);
    const events = Array.from({ length: 90 }, (_, n) => event({ group: `g${n % 3}` }));
    await Promise.all(events.map((each, n) => all[n % 3]!.accept(each, lease("x"))));
    const queued = (await all[0]!.list({ status: "queued" }, { limit: 100 })).runs;
    assert.deepEqual(queued.map(({ group }) => group).toSorted(), ["g0", "g1", "g2"]);
    assert.equal((await all[1]!.list({ status: "superseded" }, { limit: 100 })).runs.length, 87);
    const claims = await Promise.all(all.map((store, n) => store.claim({ ...lease(`owner ${n}`), limit: 10 })));
    assert.deepEqual(
      claims
        .flat()
        .map(({ run }) => run.group)
        .toSorted(),
      ["g0", "g1", "g2"],
    );
  });

  it("store an event with an identity once if several receive it at the same time", async (t) => {
    const all = await stores(t, 3);
    const accepted = await Promise.all(
      all.map((store) => store.accept(event({ event: { source: "delivery", id: "1" } }), lease("x"))),
    );
    assert.equal(new Set(accepted.map(({ run }) => run)).size, 1);
  });

  it("make one run per tick, even if one of them was frozen before it reported its tick", async (t) => {
    const [late, other] = (await stores(t, 2)) as [RunStore, RunStore];
    const start = Date.now() - 60_000;
    const tick = (seconds: number) => {
      const at = start + seconds * 1000;
      return event({ event: { source: "schedule", id: new Date(at).toISOString(), tick: at } });
    };
    assert.equal(await late.scheduledUntil("deploy", start), start);
    assert.equal(await other.scheduledUntil("deploy", start), start);
    const stale = tick(5);
    const stored = [await other.accept(tick(5), lease("other")), await other.accept(tick(10), lease("other"))];
    assert.deepEqual(await late.accept(stale, { ...lease("late"), take: true }), {
      run: stored[1]?.run,
      joined: true,
      superseded: undefined,
      claim: undefined,
    });
    await Promise.all([late, other, late, other].map((store, n) => store.accept(tick(15 + (n >> 1)), lease("x"))));
    assert.equal((await late.list({}, { limit: 10 })).runs.length, 4);
    assert.equal(await late.scheduledUntil("deploy", start), start + 16_000);
  });

  it("accept, claim and settle at the same time without a deadlock or a lost run", async (t) => {
    const all = await stores(t, 3);
    const ended = new Set<string>();
    const work = async (store: RunStore, owner: string) => {
      for (let idle = 0; idle < 20; ) {
        const claims = await store.claim({ ...lease(owner), limit: 8 });
        idle = claims.length === 0 ? idle + 1 : 0;
        await Promise.all(
          claims.map(async (claim) => {
            const now = Date.now();
            const attempt = {
              number: claim.attempt,
              startedAt: now,
              endedAt: now,
              outcome: "success",
              reason: undefined,
              kind: undefined,
              githubRequestId: undefined,
            } as const;
            const again = {
              status: "queued",
              dueAt: now,
              counts: true,
              reason: "r",
              http: 500,
              kind: "transient",
            } as const;
            const success = { status: "success", outputs: {}, dedupeKey: undefined } as const;
            const run = await store.settle(claim, attempt, claim.attempt === 1 ? again : success);
            assert.ok(run, "the claim held");
            if (run.status !== "queued") ended.add(run.id);
          }),
        );
      }
    };
    const tell = async (store: RunStore, nth: number) => {
      const runs = [];
      for (let n = 0; n < 100; n++) {
        runs.push(store.accept(event({ group: `g${n % 7}` }), lease("x")));
        if (n % 10 === nth) await runs.at(-1);
      }
      return (await Promise.all(runs)).map(({ run }) => run);
    };
    const [told] = await Promise.all([Promise.all(all.map(tell)), ...all.map((store, n) => work(store, `owner ${n}`))]);
    await work(all[0]!, "owner 0");
    const { runs } = await all[0]!.list({}, { limit: 1000 });
    assert.equal(runs.length, told.flat().length);
    assert.deepEqual([...new Set(runs.map(({ status }) => status))].toSorted(), ["success", "superseded"]);
  });

  it("learn what the others have done, so that an open page shows it", async (t) => {
    const [one, two] = (await stores(t, 2)) as [RunStore, RunStore];
    const before = await two.overview.revision();
    await one.accept(event({}), lease("x"));
    await until("it is news", async () => (await two.overview.revision()) !== before);
  });
});
