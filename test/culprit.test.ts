import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { endLeases, postgresForTests } from "./support/postgres.ts";
import { fixedPort, listening, spawnService } from "./support/process.ts";
import { send } from "./support/service.ts";
import { workerWith } from "./support/worker.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const postgres = postgresForTests();

/** A real kill, which no handler of the process sees. */
const KILLED = `const { execFileSync } = await import("node:child_process");
  execFileSync("kill", ["-9", String(process.pid)]);
  return {};`;

/** A file that is small as text and large in memory. */
const OUT_OF_MEMORY = "const all = []; for (;;) all.push(Array.from({ length: 100_000 }, (_, at) => [at]));";

async function scene(t: TestContext, body: string, settings: Record<string, string> = {}) {
  const folder = workflowsFolder(t, {
    "bomb.ts": httpWorkflow("bomb", body),
    "fine.ts": httpWorkflow("fine", "return { fine: true };"),
  });
  const port = await fixedPort();
  const url = `http://127.0.0.1:${port}`;
  const facts = { port, dataDir: temporaryFolder(t), githubUrl: "http://127.0.0.1:9" };
  const start = () => spawnService(t, { ...facts, settings: { WORKFLOWS_DIR: folder, ...settings } });
  const post = (path: string, headers = {}) => send(url, { method: "POST", path, body: "{}", headers });
  const runOf = async (workflow: string) => {
    const { runs } = (await send(url, { path: `/api/runs?workflow=${workflow}` })).json;
    return runs[0];
  };
  return { start, port, post, runOf };
}

type Scene = Awaited<ReturnType<typeof scene>>;

/** Lets a run end the process twice, and checks that a third process lives and reports why it does not retry. */
async function endsTwice({ start, port, post, runOf }: Scene, died: () => Promise<void>): Promise<void> {
  const first = start();
  await listening(first, port);
  // The process may end before its answer leaves.
  await post("/bomb", { prefer: "respond-async" }).catch(() => {});
  assert.notEqual(await first.ended, 0);
  await died();

  const second = start();
  assert.notEqual(await second.ended, 0, "after one crash the cause is unknown: the run is retried");
  await died();

  const third = start();
  await listening(third, port);
  const ended = () => until("the run has ended", async () => (await runOf("bomb")).status === "failure");
  // A new process takes over no lease for 5 s, and looks every 7 s.
  await ended().catch(ended);
  const run = await runOf("bomb");
  assert.equal(run.attemptCount, 2);
  assert.match(run.reason, /^The process ended 2 times while this was its only run in flight, so it is not att/);
  assert.match(run.reason, /Find out from the log or the platform what ended the process.*re-run it\.$/);
  assert.equal((await post("/fine")).status, 200);
  third.stop();
  assert.equal(await third.ended, 0);
}

describe("a run that ends the process", () => {
  it("by a kill is not retried after the second time", async (t) => {
    await endsTwice(await scene(t, KILLED), async () => {});
  });

  it("by using all memory of a small heap is not retried after the second time", async (t) => {
    await endsTwice(await scene(t, OUT_OF_MEMORY, { NODE_OPTIONS: "--max-old-space-size=44" }), async () => {});
  });

  it("is not retried by any replica after the second time", async (t) => {
    const schema = postgres.schema();
    const settings = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: schema };
    await endsTwice(await scene(t, KILLED, settings), () => endLeases(postgres.url, schema));
  });
});

describe("a run that may have ended the process", () => {
  it("is attempted without another such run beside it, and for its first 3 s without any other run", async (t) => {
    const clock = movedClock();
    const folder = temporaryFolder(t);
    const lease = { now: clock.now(), leaseMs: 60_000, take: false };
    for (const process of ["first", "second"]) {
      const store = openSqliteStore(folder, clock);
      for (const id of process === "first" ? ["one", "two"] : []) {
        const event = { id, workflow: "steps", group: undefined, input: {}, ownToken: false };
        await store.accept(event, { ...lease, owner: process });
      }
      assert.equal((await store.claim({ ...lease, owner: process, limit: 10 })).length, 2);
      await store.close();
    }

    const begun: string[] = [];
    const ends = new Map<string, () => void>();
    const { accept } = workerWith(
      t,
      ({ runId }) => {
        begun.push(runId);
        return new Promise<unknown>((resolve) => ends.set(runId, () => resolve({})));
      },
      { clock, folder },
    );
    const turns = async () => {
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    };
    await turns();
    assert.deepEqual(begun, [], "they wait for a second");
    clock.move(1000);
    await until("the first has begun", () => begun.length === 1);
    await accept({}, "fresh");
    await turns();
    clock.move(2000);
    await turns();
    assert.deepEqual(begun, ["one"]);
    clock.move(1000);
    await until("the fresh one has begun", () => begun.length === 2);
    clock.move(7000);
    await turns();
    assert.deepEqual(begun, ["one", "fresh"], "the other suspect waits for the end of the first");
    ends.get("one")?.();
    await until("the other suspect has begun", () => begun.length === 3);
    assert.deepEqual(begun, ["one", "fresh", "two"]);
    for (const end of ends.values()) end();
  });
});
