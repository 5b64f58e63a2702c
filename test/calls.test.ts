import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Context, defineWorkflow, type Json, TransientFailure, type Workflow } from "gh-runner";
import { testRun } from "gh-runner/testing";
import * as z from "zod";
import { movedClock, until } from "./support/clock.ts";
import { postgresForTests } from "./support/postgres.ts";
import { bothStores } from "./support/stores.ts";
import { workerWith } from "./support/worker.ts";

const ID = "5b7c9e1f-0000-4000-8000-000000000001";
const runId = (nth: number) => `00000000-0000-4000-8000-00000000000${nth}`;
const blink = () => new TransientFailure({ tried: "trying", happened: "it blinked", remedy: "Wait." });

const called = defineWorkflow({
  name: "called",
  on: { call: { inputs: z.object({ application: z.string(), nth: z.number().default(1) }) } },
  concurrency: ({ inputs }) => inputs.application,
  async run({ inputs, trigger, by, sleep }) {
    await sleep("long", "1d");
    return { ...inputs, trigger, by: by ?? null };
  },
});

const postgres = postgresForTests();

for (const [kind, open] of bothStores(postgres)) {
  describe(`runs.start on ${kind}`, () => {
    const calling = async (
      t: Parameters<typeof workerWith>[0],
      run: (context: Context<{ readonly body: Json }>) => Promise<unknown>,
    ) => {
      const clock = movedClock();
      const { store, pass } = await open(t, clock);
      const named: Record<string, Workflow> = { called: called as Workflow };
      const needs = {
        workflows: () => [called as Workflow],
        workflowNamed: (name: string) => named[name] ?? caller,
      };
      const caller = { name: "steps", on: { http: { path: "/", body: z.any() } }, run } as unknown as Workflow;
      const parts = workerWith(t, run, { clock, store, needs });
      const runsOf = async (workflow: string) => (await store.list({ workflow }, { limit: 10 })).runs;
      return { ...parts, pass, runsOf };
    };

    it("starts a run once, even if the caller is retried and started others in between", async (t) => {
      const given: string[] = [];
      const { accept, store, pass, runsOf } = await calling(t, async ({ runs, attempt }) => {
        given.push(await runs.start("called", { application: "pr-1" }, { name: "one" }));
        given.push(await runs.start("called", { application: "pr-2" }, { id: ID }));
        if (attempt === 1) throw blink();
        return given;
      });
      await (await accept({}, runId(1))).outcome;
      await pass(10_000);
      await until("the caller has ended", async () => (await store.get(runId(1)))?.run.status === "success");
      assert.deepEqual(given.slice(2), given.slice(0, 2));
      assert.equal(given[1], ID);
      assert.equal((await runsOf("called")).length, 2);
    });

    it("gives it the inputs of its schema, its group, who started it, and starts it immediately", async (t) => {
      const { accept, store, pass } = await calling(t, async ({ runs }) => {
        await runs.start("called", { application: "pr-1" }, { id: ID });
        return (await runs.open("called", "pr-1")) ?? null;
      });
      const ended = await (await accept({}, runId(1))).outcome;
      assert.deepEqual(ended?.outputs, { id: ID, input: { application: "pr-1", nth: 1 } });
      const of = async () => (await store.get(ID))?.run;
      await until("it waits", async () => (await of())?.status === "waiting");
      const { group, trigger, actor, input } = (await of()) ?? assert.fail();
      assert.deepEqual(
        { group, trigger, actor, input },
        { group: "pr-1", trigger: "call", actor: `run ${runId(1)}`, input: { application: "pr-1", nth: 1 } },
      );
      await pass(86_400_000);
      await until("it has ended", async () => (await of())?.status === "success");
      assert.deepEqual((await of())?.outputs, { application: "pr-1", nth: 1, trigger: "call", by: `run ${runId(1)}` });
    });

    it("finds the open run of a group, none when it has ended, and the newest in any case", async (t) => {
      const seen: unknown[] = [];
      const { accept, store, worker, clock } = await calling(t, async ({ runs }) => {
        seen.push((await runs.open("called", "pr-1"))?.id);
        const id = await runs.start("called", { application: "pr-1" });
        seen.push((await runs.open("called", "pr-1"))?.id, (await runs.open("called", "pr-2"))?.id);
        await worker.cancel(id, { actor: "test", at: clock.now() });
        seen.push((await runs.open("called", "pr-1"))?.id);
        seen.push((await runs.newest("called", "pr-1"))?.id, (await runs.newest("called", "pr-2"))?.id);
      });
      await (await accept({}, runId(1))).outcome;
      const [run] = (await store.list({ workflow: "called" }, { limit: 1 })).runs;
      assert.deepEqual(seen, [undefined, run?.id, undefined, undefined, run?.id, undefined]);
    });

    it("lists what can be started, or names what does not fit", async (t) => {
      const { accept, runsOf } = await calling(t, async ({ runs, body }) => {
        const [name, inputs, options] = body as [string, Json, { id?: string }];
        return runs.start(name, inputs, options);
      });
      const reasonOf = async (id: string, ...given: Json[]) =>
        (await (await accept(given, id)).outcome)?.reason ?? assert.fail("it did not fail");
      assert.equal(
        await reasonOf(runId(1), "caled", {}, {}),
        "Starting a run of caled failed: there is no workflow of this name. Did you mean called? Workflows with the trigger `call`: called.",
      );
      assert.match(
        await reasonOf(runId(2), "called", { application: 7 }, {}),
        /the inputs are not valid: application /,
      );
      assert.match(
        await reasonOf(runId(3), "called", { application: "pr-1" }, { id: "seven" }),
        /the id "seven" is not a UUID/,
      );
      assert.equal((await runsOf("called")).length, 0);
    });
  });
}

const caller = defineWorkflow({
  name: "caller",
  on: { http: { path: "/caller", body: z.object({ application: z.string() }) } },
  async run({ body, runs }) {
    const before = await runs.open("called", body.application);
    return { before: before?.id ?? null, id: await runs.start("called", body, { id: ID }) };
  },
});

describe("the test kit", () => {
  it("has the runs that were started, and does not execute them", async () => {
    const { run, started } = await testRun(caller, { body: { application: "pr-1" } }, { others: [called] });
    assert.deepEqual(run.outputs, { before: null, id: ID });
    assert.deepEqual(started, [{ workflow: "called", id: ID, inputs: { application: "pr-1", nth: 1 } }]);
  });

  it("says which runs are open", async () => {
    const id = "5b7c9e1f-0000-4000-8000-000000000002";
    const open = [{ workflow: "called", id, inputs: { application: "pr-1", nth: 1 } }];
    const options = { others: [called], open };
    const { run } = await testRun(caller, { body: { application: "pr-1" } }, options);
    assert.deepEqual(run.outputs, { before: id, id: ID });
  });

  it("runs what is called as well", async () => {
    const tested = await testRun(called, { inputs: { application: "pr-1", nth: 2 } });
    assert.equal(tested.run.status, "waiting");
    const { run } = await tested.advance("1d");
    assert.deepEqual(run.outputs, { application: "pr-1", nth: 2, trigger: "call", by: "test" });
  });
});
