import assert from "node:assert/strict";
import { describe } from "node:test";
import { type EventFilter, type Heard, type IgnoredEvent, MAX_IGNORED, MAX_SOURCES } from "../src/model/events.ts";
import type { RunStore } from "../src/model/store.ts";
import { NOW, type OpenStore, promises } from "./store.contract.ts";

const CLOSED: IgnoredEvent = {
  ...{ at: NOW, source: "github", event: "pull_request.closed", repository: "Acme/Shop", number: 7, woken: 0 },
  ...{
    sender: "mona",
    ref: "feature/50%_off",
    sha: "ab12".repeat(10),
    delivery: "d-1",
    answer: "No workflow handles it.",
  },
  reasons: [{ workflow: "welcome", reason: "wants opened, this is closed" }],
};
const FLUX: IgnoredEvent = {
  ...{ at: NOW + 1, source: "flux", event: "Kustomization.ReconciliationSucceeded", subject: "apps/PR-ÜBER", woken: 0 },
  ...{ answer: "The filter of deploy returned false.", reasons: [] },
};
const call = (name: string, more: Partial<Heard> = {}): Heard => ({
  ...{ kind: "http", name, actor: "token argocd", firstAt: NOW, lastAt: NOW, times: 1 },
  ...more,
});

const note = (
  store: RunStore,
  notes: { ignored?: readonly IgnoredEvent[]; heard?: readonly Heard[]; since?: number },
) => store.events.note({ ignored: [], heard: [], since: NOW, ...notes });

/** What every store promises about events that started no run, and about callers. The tests of each store run it. */
export function eventsContract(name: string, open: OpenStore): void {
  const promise = promises(open);

  describe(`${name}: events that started no run`, () => {
    promise("are kept unchanged, newest first, in pages", async (store, { reopen }) => {
      await note(store, { ignored: [CLOSED] });
      await note(store, { ignored: [FLUX] });
      const page = async (given: RunStore, cursor?: string) => given.events.ignored({}, { limit: 1, cursor });
      const first = await page(store);
      assert.deepEqual(first.events, [FLUX]);
      assert.deepEqual(await page(store, first.next), { events: [CLOSED], next: undefined });
      const again = await reopen!();
      assert.deepEqual((await page(again)).events, [FLUX]);
    });

    promise("are found by words in any case, by whole facts, and by when they came", async (store) => {
      await note(store, { ignored: [CLOSED, FLUX] });
      const found = async (filter: EventFilter) =>
        (await store.events.ignored(filter, { limit: 10 })).events.map(({ source }) => source);
      const rows: [EventFilter, string[]][] = [
        [{ words: ["WELCOME", "this is closed"] }, ["github"]],
        [{ words: ["pr-über"] }, ["flux"]],
        [{ words: ["welcome", "apps"] }, []],
        [{ words: ["50%_OFF"] }, ["github"]],
        [{ words: ["5_%"] }, []],
        [{ words: ["!", "\0"] }, []],
        [{ repository: "acme/shop" }, ["github"]],
        [{ repository: "shop" }, ["github"]],
        [{ repository: "acme/sho" }, []],
        [{ group: "pr-über" }, ["flux"]],
        [{ group: "apps/pr-über" }, ["flux"]],
        [{ group: "pr" }, []],
        [{ trigger: "flux" }, ["flux"]],
        [{ event: "pull_request" }, ["github"]],
        [{ event: "pull_request.closed" }, ["github"]],
        [{ event: "pull_request.close" }, []],
        [{ pull: 7 }, ["github"]],
        [{ pull: 77 }, []],
        [{ commit: "AB12ab" }, ["github"]],
        [{ commit: "b12a" }, []],
        [{ workflow: "welcome" }, ["github"]],
        [{ by: "Mo" }, ["github"]],
        [{ since: NOW + 1 }, ["flux"]],
        [{ until: NOW + 1 }, ["github"]],
        [{}, ["flux", "github"]],
      ];
      for (const [filter, expected] of rows) assert.deepEqual(await found(filter), expected, JSON.stringify(filter));
    });

    promise("are limited to the newest, and are deleted with the runs of their time", async (store) => {
      const many = Array.from({ length: MAX_IGNORED }, (_, at) => ({ ...FLUX, at: NOW + at, subject: `n ${at}` }));
      await note(store, { ignored: many });
      await note(store, { ignored: [{ ...CLOSED, at: NOW + MAX_IGNORED }] });
      const oldest = { until: NOW + 2 };
      assert.deepEqual(
        (await store.events.ignored(oldest, { limit: 9 })).events.map(({ subject }) => subject),
        ["n 1"],
      );
      await store.forget(NOW + MAX_IGNORED, 10);
      assert.equal((await store.events.ignored({}, { limit: 10 })).events.length, 1);
    });
  });

  describe(`${name}: recorded callers`, () => {
    promise("are counted for each source, with the first and the last time", async (store) => {
      assert.deepEqual(await store.events.heard(), { since: undefined, sources: [] });
      await note(store, {
        heard: [call("/dispatch"), call("/deploy", { firstAt: NOW + 5, lastAt: NOW + 5 })],
        since: NOW - 9,
      });
      await note(store, { heard: [call("/dispatch", { firstAt: NOW + 7, lastAt: NOW + 9, times: 3 })], since: NOW });
      await note(store, { heard: [call("/dispatch", { actor: "", lastAt: NOW - 1 })] });
      // A name is cut, and loses characters that no database accepts. Two of them may become the same.
      await note(store, { heard: [call("/a\0"), call("/a\u2400", { firstAt: NOW - 3, lastAt: NOW - 2, times: 2 })] });
      assert.deepEqual(await store.events.heard(), {
        since: NOW - 9,
        sources: [
          call("/dispatch", { lastAt: NOW + 9, times: 4 }),
          call("/deploy", { firstAt: NOW + 5, lastAt: NOW + 5 }),
          call("/a\u2400", { firstAt: NOW - 3, times: 3 }),
          call("/dispatch", { actor: "", lastAt: NOW - 1 }),
        ],
      });
    });

    promise("are not deleted with runs, and the ones silent for longest are replaced", async (store) => {
      const many = Array.from({ length: MAX_SOURCES + 1 }, (_, at) => call(`/n${at}`, { lastAt: NOW + at }));
      await note(store, { heard: many });
      await store.forget(NOW + 10 * MAX_SOURCES, 10);
      const { sources } = await store.events.heard();
      assert.equal(sources.length, MAX_SOURCES);
      assert.equal(sources.at(-1)?.name, "/n1");
    });
  });
}
