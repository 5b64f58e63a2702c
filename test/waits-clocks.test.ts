import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import type { RunStore } from "../src/model/store.ts";
import { type MovedClock, movedClock, until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { postgresForTests } from "./support/postgres.ts";
import { bothStores } from "./support/stores.ts";
import { workerWith } from "./support/worker.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const RUN = randomUUID();
const postgres = postgresForTests();

/** A worker whose workflow does something, sleeps two hours, and does something else. */
function sleeper(t: TestContext, done: string[], places: { clock: MovedClock; folder?: string; store?: RunStore }) {
  const worker = workerWith(
    t,
    async ({ sleep, step }) => {
      await step("before", async () => void done.push("before"));
      await sleep("long", "2h");
      await step("after", async () => void done.push("after"));
      return {};
    },
    places,
  );
  return {
    ...worker,
    begin: () => worker.accept({}, RUN),
    status: async () => (await worker.store.get(RUN))?.run.status,
  };
}

/** Enough turns of the event loop and of the store: all pending work has happened. */
async function settle(): Promise<void> {
  for (let at = 0; at < 30; at++) await new Promise((resolve) => setTimeout(resolve, 2));
}

for (const [name, open] of bothStores(postgres)) {
  for (const [way, jump] of [
    ["forward", HOUR],
    ["back", -HOUR],
  ] as const) {
    describe(`a clock that is set an hour ${way}, with ${name}`, () => {
      it("does not change the length of a sleep, and repeats no step", async (t) => {
        const clock = movedClock();
        const { store, pass } = await open(t, clock);
        const done: string[] = [];
        const { begin, status } = sleeper(t, done, { clock, store });
        await begin();
        await until("it sleeps", async () => (await status()) === "waiting");
        clock.set(jump);
        await pass(2 * HOUR - 10 * MINUTE);
        await settle();
        assert.deepEqual([await status(), done], ["waiting", ["before"]]);
        await pass(20 * MINUTE);
        await until("it has ended", async () => (await status()) === "success");
        assert.deepEqual(done, ["before", "after"]);
      });
    });
  }
}

for (const [way, jump] of [
  ["forward", HOUR],
  ["back", -HOUR],
] as const) {
  describe(`a clock that is set an hour ${way} while the service is down`, () => {
    it("moves the end of a sleep by that hour at most, and repeats no step", async (t) => {
      const folder = temporaryFolder(t);
      const done: string[] = [];
      const clock = movedClock();
      const first = sleeper(t, done, { clock, folder });
      await first.begin();
      await until("it sleeps", async () => (await first.status()) === "waiting");
      await first.close();

      const later = movedClock(clock.now() + jump);
      const { status } = sleeper(t, done, { clock: later, folder });
      await settle();
      assert.deepEqual([await status(), done], ["waiting", ["before"]]);
      later.move(2 * HOUR - Math.max(0, jump) - 10 * MINUTE);
      await settle();
      assert.deepEqual([await status(), done], ["waiting", ["before"]]);
      later.move(Math.abs(jump) + 20 * MINUTE);
      await until("it has ended", async () => (await status()) === "success");
      assert.deepEqual(done, ["before", "after"]);
    });
  });
}
