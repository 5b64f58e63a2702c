import assert from "node:assert/strict";
import { describe, it } from "node:test";
import pg from "pg";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { event, lease } from "./store.contract.ts";
import { movedClock, until } from "./support/clock.ts";
import { postgresForTests } from "./support/postgres.ts";

const postgres = postgresForTests();

describe("a newer event that cancels the run of its group", () => {
  it("cancels a run that another replica begins at the same moment", async (t) => {
    const schema = postgres.schema();
    const { url } = postgres;
    const store = await openPostgresStore({ url, schema, clock: movedClock(Date.now()), onError: () => {} });
    t.after(() => store.close());
    const order = { cancelRunning: true };
    const older = await store.accept(event({ group: "g", order }), lease());
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    t.after(() => other.end());
    await other.query("BEGIN");
    await other.query(
      `UPDATE ${schema}.runs SET status = 'running', attempts = 1, owner = 'other', lease_until = 9e15 WHERE id = $1`,
      [older.run],
    );
    const accepting = store.accept(event({ group: "g", input: 2, order }), { ...lease(), take: true });
    await until("it waits for the other one", async () => {
      const { rows } = await other.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
      return rows.length > 0;
    });
    await other.query("COMMIT");
    const newer = await accepting;
    assert.deepEqual([newer.cancels, newer.superseded, newer.claim], [[older.run], undefined, undefined]);
    assert.equal((await store.get(older.run))?.run.cancelledBy, `run ${newer.run}`);
  });

  it("notifies the other replicas about hundreds of runs that it cancels together", async (t) => {
    const schema = postgres.schema();
    const { url } = postgres;
    const open = () => openPostgresStore({ url, schema, clock: movedClock(Date.now()), onError: () => {} });
    const [store, other] = [await open(), await open()];
    t.after(() => Promise.all([store.close(), other.close()]));
    const heard = new Set<string>();
    const stop = other.hear(({ cancel = [] }) => {
      for (const id of cancel) heard.add(id);
    });
    t.after(stop);
    const groups = Array.from({ length: 200 }, (_, at) => `g${at}`);
    const accept = (input: number, cancelRunning = false) =>
      Promise.all(
        groups.map((group) =>
          store.accept(event({ group, input, order: { cancelRunning } }), { ...lease(), take: true }),
        ),
      );
    const running = await accept(1);
    await accept(2);
    const newer = await accept(3, true);
    assert.deepEqual(
      newer.flatMap(({ cancels = [] }) => cancels),
      running.map(({ run }) => run),
    );
    await until("the other one has heard of all", () => heard.size === running.length);
  });
});
