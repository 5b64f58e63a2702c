import assert from "node:assert/strict";
import { it } from "node:test";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { claimAt, event, lease, NOW } from "./store.contract.ts";
import { movedClock, until } from "./support/clock.ts";
import { databaseClock } from "./support/database-clock.ts";
import { postgresForTests } from "./support/postgres.ts";

const postgres = postgresForTests();

it("A pause at one replica applies at the others, and so does its end", async (t) => {
  const schema = postgres.schema();
  const { databaseNow } = await databaseClock(postgres.url, schema, NOW);
  const open = async () => {
    const options = { url: postgres.url, schema, clock: movedClock(NOW), databaseNow, onError: () => {} };
    const store = await openPostgresStore(options);
    t.after(() => store.close());
    return store;
  };
  const [one, two] = [await open(), await open()];
  const by = { actor: "token alice", at: NOW };
  await one.pause("deploy", by);
  const { run, claim } = await two.accept(event(), { ...lease(), take: true });
  assert.equal(claim, undefined);
  assert.deepEqual(await two.claim(claimAt()), []);
  let heard = false;
  t.after(
    two.hear(({ queued }) => {
      heard ||= queued === true;
    }),
  );
  await one.resume("deploy", by);
  await until("the other replica hears that something may be due", () => heard);
  assert.deepEqual(
    (await two.claim(claimAt())).map((each) => each.run.id),
    [run],
  );
});
