import type { TestContext } from "node:test";
import type { Context, GitHub, Json, Workflow } from "../../src/index.ts";
import { unobserved } from "../../src/model/observer.ts";
import type { RunStore } from "../../src/model/store.ts";
import { knownSecrets } from "../../src/observe/secrets.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { startWorker, type WorkerParts } from "../../src/worker/worker.ts";
import { type MovedClock, movedClock } from "./clock.ts";
import { temporaryFolder } from "./folder.ts";

const ANYTHING = { safeParse: (data: unknown) => ({ success: true as const, data }) };
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A worker with one workflow on a real store, and a clock to move. */
export function workerWith(
  t: TestContext,
  run: (context: Context<{ readonly body: Json }>) => Promise<unknown>,
  {
    clock = movedClock(),
    folder = temporaryFolder(t),
    store = openSqliteStore(folder, clock),
    options = {},
    needs = {},
  }: {
    clock?: MovedClock;
    folder?: string;
    store?: RunStore;
    options?: Partial<Workflow>;
    needs?: Partial<WorkerParts>;
  } = {},
) {
  const workflow: Workflow = { name: "steps", on: { http: { path: "/", body: ANYTHING } }, run, ...options };
  const worker = startWorker({
    store,
    workflowNamed: () => workflow,
    workflows: () => [workflow],
    github: () => ({
      github: { dispatch: async () => {} } as unknown as GitHub,
      actions: {} as never,
      octokitNames: {} as never,
      release() {},
    }),
    targetRepo: "acme/shop",
    envOf: () => ({}),
    hide: () => () => {},
    keeping: knownSecrets([]),
    log: silent,
    observe: unobserved,
    fetch: globalThis.fetch,
    clock,
    random: () => 0,
    owner: "test",
    retryHours: 24,
    retainDays: 30,
    ...needs,
  });
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await worker.drain(0);
    await store.close();
  };
  t.after(close);
  const accept = (input: Json = {}, id = "r1", token?: string) =>
    worker.accept(
      { id, workflow: "steps", group: undefined, input, ownToken: token !== undefined },
      { token, waitMs: 3_600_000 },
    );
  return { clock, store, worker, accept, close };
}
