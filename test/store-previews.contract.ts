import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe } from "node:test";
import type { RunStore } from "../src/model/store.ts";
import { claimOne, ended, event, lease, NOW, type OpenStore, promises, SUCCESS } from "./store.contract.ts";

const READY = { name: "environment-ready", prefix: "pr-" };
const API = { name: "api-ready", prefix: "" };

/** Ends a run of a group for each name, the first one first. Resolves with their ids. */
async function runsOf(store: RunStore, workflow: string, groups: readonly string[]): Promise<string[]> {
  const runs: string[] = [];
  for (const [at, group] of groups.entries()) runs.push(await ended(store, { workflow, group }, SUCCESS, NOW + at));
  return runs;
}

const foundIn = async (store: RunStore, ...asked: Parameters<RunStore["newestOfGroups"]>) =>
  (await store.newestOfGroups(...asked)).found.map(({ id }) => id);

/** What every store promises about the runs of previews. The tests of each store run it. */
export function previewsContract(name: string, open: OpenStore): void {
  const promise = promises(open);

  describe(`${name}: the newest runs of groups`, () => {
    promise("are one per group and workflow, newest first, of the requested workflows and prefixes", async (store) => {
      const ready = await runsOf(store, "environment-ready", ["pr-1", "pr-2", "main", "pr-1"]);
      const api = await runsOf(store, "api-ready", ["pr-1", "main"]);
      await runsOf(store, "other", ["pr-9"]);
      await ended(store, { workflow: "environment-ready" });
      const page = { limit: 10 };
      assert.deepEqual(await foundIn(store, { workflows: [READY] }, page), [ready[3], ready[1]]);
      const both = [api[1], api[0], ready[3], ready[1]];
      assert.deepEqual(await foundIn(store, { workflows: [READY, API] }, page), both);
      assert.deepEqual(await foundIn(store, { workflows: [] }, page), []);
    });

    promise("are found by a part of the group's name in any case, or are all of one group", async (store) => {
      const runs = await runsOf(store, "environment-ready", ["pr-Ü1", "pr-2", "pr-12", "pr-2", "pr-2"]);
      const page = { limit: 10 };
      assert.deepEqual(await foundIn(store, { workflows: [READY], text: "PR-ü" }, page), [runs[0]]);
      assert.deepEqual(await foundIn(store, { workflows: [READY], text: "2" }, page), [runs[4], runs[2]]);
      assert.deepEqual(await foundIn(store, { workflows: [READY], text: "%" }, page), []);
      const history = [runs[4], runs[3], runs[1]];
      assert.deepEqual(await foundIn(store, { workflows: [READY, API], group: "pr-2" }, page), history);
      assert.deepEqual(await foundIn(store, { workflows: [READY], group: "pr" }, page), []);
    });

    promise("come in pages, in which no group appears twice, even if a newer run arrives in between", async (store) => {
      const runs = await runsOf(store, "environment-ready", ["pr-1", "pr-2", "pr-3", "pr-1", "pr-4"]);
      const first = await store.newestOfGroups({ workflows: [READY] }, { limit: 2 });
      assert.deepEqual([first.found.map(({ id }) => id), first.next], [[runs[4], runs[3]], first.found[1]?.cursor]);
      await runsOf(store, "environment-ready", ["pr-2"]);
      const second = await store.newestOfGroups({ workflows: [READY] }, { limit: 2, cursor: first.next });
      assert.deepEqual([second.found.map(({ id }) => id), second.next], [[runs[2]], undefined]);
      const afterOne = { limit: 5, cursor: first.found[0]?.cursor };
      assert.deepEqual(await foundIn(store, { workflows: [READY] }, afterOne), [runs[3], runs[2]]);
    });

    promise("are searched in a limited number of runs together, then in older ones", async (store) => {
      const old = await ended(store, { workflow: "environment-ready", group: "pr-old" });
      const newer = Array.from({ length: 2001 }, (_, at) =>
        event({ workflow: "environment-ready", group: `pr-${at}` }),
      );
      await Promise.all(newer.map((each) => store.accept(each, lease())));
      const first = await store.newestOfGroups({ workflows: [READY], text: "old" }, { limit: 5 });
      assert.deepEqual(first.found, []);
      const second = await store.newestOfGroups({ workflows: [READY], text: "old" }, { limit: 5, cursor: first.next });
      assert.deepEqual([second.found.map(({ id }) => id), second.next], [[old], undefined]);
    });
  });

  describe(`${name}: several runs`, () => {
    promise("are read together with their steps, without large values, and without missing runs", async (store) => {
      const accepted = await store.accept(event({ workflow: "a", input: { text: "x".repeat(70_000) } }), lease());
      const claim = await claimOne(store);
      const step = { kind: "step", attempt: 1, startedAt: NOW, endedAt: NOW + 5, error: undefined } as const;
      await store.saveStep(claim, { ...step, name: "small", result: { run: [1, null] } });
      await store.saveStep(claim, { ...step, name: "large", startedAt: NOW + 1, result: "ü".repeat(40_000) });
      await store.saveStep(claim, {
        ...step,
        name: "open",
        startedAt: NOW + 2,
        endedAt: undefined,
        result: undefined,
      });
      const { run: other } = await store.accept(event({ workflow: "b", input: { n: 2 } }), lease());

      const read = await store.several([accepted.run, other, accepted.run, randomUUID(), "no id", "' OR true"]);
      assert.deepEqual(new Set(read.map(({ run }) => run.id)), new Set([accepted.run, other]));
      const first = read.find(({ run }) => run.id === accepted.run);
      assert.deepEqual([first?.run.input, first?.run.status, first?.run.workflow], [null, "running", "a"]);
      assert.deepEqual(
        first?.steps.map(({ name, result, endedAt }) => [name, result, endedAt]),
        [
          ["small", { run: [1, null] }, NOW + 5],
          ["large", undefined, NOW + 5],
          ["open", undefined, undefined],
        ],
      );
      const second = read.find(({ run }) => run.id === other);
      assert.deepEqual([second?.run.input, second?.steps], [{ n: 2 }, []]);
      assert.deepEqual(await store.several([]), []);
    });
  });
}
