import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as z from "zod";
import type { RunFilter } from "../src/model/history.ts";
import type { Cancel, Rerun } from "../src/model/run-actions.ts";
import type { RunStore } from "../src/model/store.ts";
import type { Who } from "../src/model/who.ts";
import type { Workflow } from "../src/model/workflow.ts";
import type { WorkflowFacts } from "../src/model/workflow-facts.ts";
import { bulkActions } from "../src/service/bulk.ts";
import { aRun, countsOf, factsOf, NOW, pagesOf, plain } from "./support/pages.ts";

const RELEASE = {
  name: "release",
  on: {
    manual: { inputs: z.object({ version: z.string() }), description: "Releases a <version>." },
    github: [{ events: "push" }, { events: ["pull_request"], actions: ["opened"], branches: "v*", labels: ["a", "b"] }],
  },
  run: async () => {},
} as unknown as Workflow;
const NIGHTLY = {
  name: "nightly",
  on: { schedule: { cron: "0 3 * * *", timeZone: "Europe/Zagreb" }, manual: true },
  run: async () => {},
} as Workflow;
const HOOK = { name: "hook", on: { http: { path: "/hook", body: z.object({}) } }, run: async () => {} } as Workflow;
const ALL = [RELEASE, NIGHTLY, HOOK];

const known = (all: readonly WorkflowFacts[]) => ({
  all: async () => all,
  one: async (name: string) => all.find((each) => each.name === name),
});

const form = (path: string, fields: Record<string, string> = {}) => {
  const body = String(new URLSearchParams(fields));
  return [path, { method: "POST", body, headers: { "content-length": String(body.length) } }] as const;
};

describe("the page of workflows", () => {
  it("shows for each its triggers, its next tick, its last run, and who paused it and when", async () => {
    const app = pagesOf({
      workflows: {
        all: ALL,
        broken: [{ file: "bad.ts", problems: ["on: expected one of http, schedule"] }],
        facts: known([
          factsOf(RELEASE, {
            file: "release.ts",
            code: "3f9c2a10bb21",
            runs: [aRun({ status: "failure", endedAt: NOW - 40_000 })],
          }),
          factsOf(NIGHTLY, {
            schedule: { ticks: [NOW + 3_600_000], hasMore: false, next: NOW + 3_600_000, late: undefined },
          }),
          factsOf(HOOK),
        ]),
        paused: async () => [{ workflow: "nightly", actor: "token alice", at: NOW - 60_000 }],
      },
    });
    const html = await (await app.request("/workflows")).text();
    const text = plain(html);
    assert.match(text, /1 workflow file is broken\. The other workflows run\. bad\.ts on: expected one of/);
    assert.match(
      text,
      /release GitHub push GitHub pull_request \(opened; branches: v\*; labels: a, b\) By hand release\.ts 3f9c2a10bb21 The last run: failure\. 0% of 1 succeeded p50 10 s, p95 10 s Last failure just now Run workflow… Pause/,
    );
    assert.match(
      text,
      /nightly Schedule 0 3 \* \* \* Europe\/Zagreb By hand Paused by token alice 2026-03-01 11:59:00 UTC\. Its runs wait\. No run yet\. Next 13:00 UTC Run workflow Resume/,
    );
    assert.match(text, /hook HTTP POST \/hook No run yet\. Pause/);
    assert.match(html, /action="\/workflows\/\*\/pause"/);
    for (const path of ["/", "/workflows", "/events", "/runs/none"]) {
      assert.match(
        plain(await (await app.request(path)).text()),
        /nightly is paused \(token alice, [^)]+\)\. Events are/,
      );
    }
  });

  it("pauses and resumes one, all, and a removed one", async () => {
    const asked: string[] = [];
    const app = pagesOf({
      workflows: {
        all: ALL,
        paused: async () => [
          { workflow: "*", actor: "token bob", at: NOW },
          { workflow: "gone", actor: "token bob", at: NOW },
        ],
        pause: async (workflow, { actor }) => void asked.push(`pause ${workflow} ${actor}`),
        resume: async (workflow, { actor }) => void asked.push(`resume ${workflow} ${actor}`),
      },
    });
    assert.match(
      plain(await (await app.request("/workflows")).text()),
      /Resume all.* gone This workflow no longer exists/,
    );
    for (const path of ["release/pause", "release/resume", "*/pause", "*/resume", "gone/resume"]) {
      const answer = await app.request(...form(`/workflows/${path}`));
      assert.deepEqual([answer.status, answer.headers.get("location")], [303, "/workflows"]);
    }
    assert.equal((await app.request(...form("/workflows/none/pause"))).status, 404);
    const expected = ["pause release", "resume release", "pause *", "resume *", "resume gone"];
    assert.deepEqual(
      asked,
      expected.map((each) => `${each} anonymous`),
    );
  });

  it("starts a run from a form, and shows schema errors at their fields", async () => {
    const given: unknown[] = [];
    const app = pagesOf({
      workflows: {
        all: ALL,
        async start(workflow, inputs, { actor }) {
          given.push([workflow, inputs, actor]);
          if (JSON.stringify(inputs).includes("v1")) return { status: "started", run: aRun({ id: "a-run" }) };
          return { status: "rejected", problems: [{ field: "version", message: "must begin with v" }] };
        },
      },
    });
    const asked = await (await app.request("/workflows/release/start")).text();
    assert.match(asked, /Releases a &lt;version&gt;\./);
    const wrong = await app.request(...form("/workflows/release/start", { "input.version": "1" }));
    assert.equal(wrong.status, 422);
    assert.match(await wrong.text(), /value="1".*must begin with v/s);
    const right = await app.request(...form("/workflows/release/start", { "input.version": "v1" }));
    assert.deepEqual([right.status, right.headers.get("location")], [303, "/runs/a-run"]);
    assert.equal((await app.request("/workflows/hook/start")).status, 409);
    assert.equal((await app.request(...form("/workflows/none/start"))).status, 404);
    await app.request(...form("/workflows/nightly/start"));
    assert.deepEqual(given, [
      ["release", { version: "1" }, "anonymous"],
      ["release", { version: "v1" }, "anonymous"],
      ["nightly", {}, "anonymous"],
    ]);
  });
});

describe("an action on all runs of a filter", () => {
  const failed = Array.from({ length: 120 }, (_, at) =>
    aRun({ id: `failed-${at}`, group: `pr-${at}`, status: "failure" }),
  );
  const waiting = [aRun({ id: "waiting-0", status: "waiting" })];

  const start = () => {
    const asked: string[] = [];
    const filters: RunFilter[] = [];
    const store: Pick<RunStore, "list"> = {
      async list(filter, { limit, cursor }) {
        filters.push(filter);
        const from = Number(cursor ?? 0);
        const all = { failure: failed, waiting, queued: [], running: [] }[filter.status as string] ?? [
          ...waiting,
          ...failed,
        ];
        const next = from + limit < all.length ? String(from + limit) : undefined;
        return { runs: all.slice(from, from + limit), next };
      },
    };
    const rerun = async (id: string): Promise<Rerun> => {
      asked.push(`rerun ${id}`);
      if (id !== "failed-7") return { status: "queued", run: aRun({ id }) };
      return { status: "notNeeded", canForce: true, reason: "Its group has a newer run." };
    };
    const cancel = async (id: string, { actor }: Who): Promise<Cancel> => {
      asked.push(`cancel ${id} ${actor}`);
      return { status: "cancelled", run: aRun({ id }) };
    };
    const counts = async () => countsOf({ failure: failed.length, waiting: waiting.length });
    const app = pagesOf({ runs: { ...store, counts, rerun, cancel, ...bulkActions({ store, rerun, cancel }) } });
    return { app, asked, filters };
  };

  it("is offered if the list has such runs, with its filter", async () => {
    const { app } = start();
    const list = await (await app.request("/?text=pr&workflow=release")).text();
    assert.match(list, /href="\/bulk\/rerun\?workflow=release&amp;text=pr">Re-run the failed runs…/);
    assert.match(list, /href="\/bulk\/cancel\?workflow=release&amp;text=pr">Cancel the unfinished runs…/);
    const onlyFailed = await (await app.request("/?status=failure")).text();
    assert.match(onlyFailed, /\/bulk\/rerun\?status=failure/);
    assert.doesNotMatch(onlyFailed, /\/bulk\/cancel/);
  });

  it("needs a confirmation with the number of runs, and lists runs that it skipped and why", async () => {
    const { app, asked, filters } = start();
    const question = plain(await (await app.request("/bulk/rerun?text=pr")).text());
    assert.match(question, /With “pr”\. Re-run 120 failed runs\? This repeats all steps\./);
    assert.match(question, /And 70 more\./);
    assert.ok(filters.every(({ words, status }) => words?.[0] === "pr" && status === "failure"));
    assert.deepEqual(asked, []);
    const result = await app.request(...form("/bulk/rerun?text=pr"));
    assert.equal(result.status, 200);
    const text = plain(await result.text());
    assert.match(
      text,
      /119 re-run, 1 not changed\. Show the runs pr-7 release Its group has a newer run\. not changed/,
    );
    assert.deepEqual(
      asked,
      failed.map(({ id }) => `rerun ${id}`),
      "newest first, each once",
    );
  });

  it("cancels what is queued, waiting or running, or only what the filter names", async () => {
    const { app, asked, filters } = start();
    assert.match(plain(await (await app.request("/bulk/cancel")).text()), /Cancel 1 unfinished run\?/);
    await app.request(...form("/bulk/cancel"));
    assert.deepEqual(asked, ["cancel waiting-0 anonymous"]);
    filters.length = 0;
    assert.match(plain(await (await app.request("/bulk/cancel?status=queued")).text()), /No unfinished run matches\./);
    assert.deepEqual(filters, [{ status: "queued" }]);
  });
});
