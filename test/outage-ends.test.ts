import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Json } from "../src/model/run.ts";
import { openOutages } from "../src/service/outages.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { movedClock, until } from "./support/clock.ts";

const SECOND = 1000;

describe("the end of an outage that two processes notice in the same moment", () => {
  it("is handled by one of them", async (t) => {
    const clock = movedClock();
    const store = openSqliteStore(undefined, clock);
    t.after(() => store.close());
    const ended: string[] = [];
    let hastened = 0;
    let asking = 0;
    /** As over a network: the other process reads before this one writes. */
    const away = async <Result>(ask: () => Promise<Result>): Promise<Result> => {
      asking++;
      const answer = await ask();
      await new Promise((resolve) => setImmediate(resolve));
      asking--;
      return answer;
    };
    const shared = {
      ...store,
      mark: (name: string) => away(() => store.mark(name)),
      setMark: (name: string, value: Json) => away(() => store.setMark(name, value)),
      turn: (name: string, everyMs: number) => away(() => store.turn(name, everyMs)),
      hasten(most?: number) {
        if (most === undefined) hastened++;
        return away(() => store.hasten(most));
      },
    };
    /** Resolves when no process asks the store for anything. */
    const rest = async () => {
      for (let quiet = 0; quiet < 5; quiet = asking === 0 ? quiet + 1 : 0)
        await new Promise((resolve) => setImmediate(resolve));
    };
    const log = { debug() {}, warn() {}, error: (facts: unknown) => assert.fail(String(facts)) };
    const info = (_: unknown, message?: string) => void ended.push(String(message));
    const both = [0, 1].map(() =>
      openOutages({ host: "api.github.com", store: shared, clock, log: { ...log, info } as never }),
    );
    const doing = { probe: async () => false, wake: async () => {}, due: () => {} };
    for (const each of both) t.after(each.follow(doing));
    const hear = (fault: string | undefined) => {
      for (const each of both)
        for (let n = 0; n < 6; n++) each.heard({ asker: `run ${n}`, isRun: true, kind: "read", fault });
    };
    const pass = async (seconds: number, fault: string | undefined) => {
      for (let second = 0; second < seconds; second += 5) {
        hear(fault);
        clock.move(5 * SECOND);
        await rest();
      }
    };
    await pass(90, "GitHub answered 502");
    await until("it is known", async () => (await both[0]?.current()) !== undefined);
    await pass(60, undefined);
    await until("it is over", () => ended.length > 0);
    assert.deepEqual([hastened, ended.filter((message) => message.startsWith("GitHub works again")).length], [1, 1]);
  });
});
