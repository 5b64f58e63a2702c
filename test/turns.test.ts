import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RunStore } from "../src/model/store.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { databaseClock } from "./support/database-clock.ts";
import { postgresForTests } from "./support/postgres.ts";

const NOW = Date.parse("2026-11-24T12:00:00Z");
const EVERY = 10_000;

const postgres = postgresForTests();

describe("a turn of three replicas whose clocks are hours apart", () => {
  it("is one replica's per interval, by the database's clock", async (t) => {
    const schema = postgres.schema();
    const time = await databaseClock(postgres.url, schema, NOW);
    const stores: RunStore[] = [];
    for (const ahead of [0, 3_600_000, -7_200_000]) {
      const clock = { now: () => time.now() + ahead, monotonic: () => time.now(), alarm: () => () => {} };
      const store = await openPostgresStore({
        ...{ url: postgres.url, schema, clock, databaseNow: time.databaseNow, onError: () => {} },
      });
      t.after(() => store.close());
      stores.push(store);
    }
    for (let ms = 0; ms < 10 * EVERY; ms += EVERY / 4) {
      await time.setTime(NOW + ms);
      const asked = stores.flatMap((store) => Array.from({ length: 4 }, () => store.turn("watch acme/shop", EVERY)));
      const won = (await Promise.all(asked)).filter((each) => each).length;
      assert.equal(won, ms % EVERY === 0 ? 1 : 0, `${ms} ms after the start`);
    }
  });
});
