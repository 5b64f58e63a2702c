import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as z from "zod";
import type { RunDetail } from "../src/model/history.ts";
import type { Action, Attempt, LogLine, Run, Step } from "../src/model/run.ts";
import type { Rerun } from "../src/model/run-actions.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { movedClock, until } from "./support/clock.ts";
import { aRun, NOW, pagesOf, plain } from "./support/pages.ts";

const attempt = (number: number, more: Partial<Attempt> = {}): Attempt => ({
  number,
  startedAt: NOW - 50_000 + number * 10_000,
  endedAt: NOW - 45_000 + number * 10_000,
  outcome: "failure",
  reason: undefined,
  kind: undefined,
  githubRequestId: undefined,
  ...more,
});

const step = (name: string, more: Partial<Step> = {}): Step => ({
  name,
  kind: "step",
  attempt: 1,
  startedAt: NOW - 40_000,
  endedAt: NOW - 38_000,
  result: null,
  error: undefined,
  ...more,
});

const detailOf = (run: Partial<Run>, more: Partial<RunDetail> = {}): RunDetail => ({
  run: aRun(run),
  attempts: [],
  steps: [],
  superseded: [],
  actions: [],
  ...more,
});

/** The run's page, also as plain text. */
async function pageOf(detail: RunDetail, lines: readonly (LogLine & { attempt: number })[] = []) {
  const app = pagesOf({
    runs: { get: async () => detail, lines: async () => ({ lines, next: "" }) },
    workflows: { paused: async () => [{ workflow: "release", actor: "token bob", at: NOW - 5000 }] },
  });
  const answer = await app.request("/runs/x");
  assert.equal(answer.status, 200);
  const html = await answer.text();
  return { html, text: plain(html) };
}

describe("the page of a run", () => {
  it("shows what a waiting run waits for, since when, until when, and what wakes it", async () => {
    const steps = [
      step("build"),
      step("quiet", { kind: "sleep", endedAt: undefined, until: NOW + 60_000 }),
      step("approval", { kind: "callback", endedAt: undefined, until: NOW + 3_600_000 }),
      step("merged", { kind: "waitUntil", endedAt: undefined, until: NOW + 7_200_000 }),
    ];
    const run = { status: "waiting", dueAt: NOW + 60_000, reason: "waits for three things" } as const;
    const wakeKeys = ["pull_request acme/shop 7", "workflow_run acme/shop *"];
    const { text } = await pageOf(detailOf(run, { steps, wakeKeys, attempts: [attempt(1, { outcome: "waiting" })] }));
    assert.match(text, /GitHub sends an event about pull request 7 of acme\/shop, any workflow run of acme\/shop\./);
    assert.match(text, /What it waits for quiet, since 11:59:20 UTC: it sleeps until 12:01:00 UTC\./);
    assert.match(text, /approval, since [^:]+:59:20 UTC: it waits for an answer to its URL, until 13:00 UTC\./);
    assert.match(text, /merged, .* a check to succeed, until 14:00 UTC\. It is checked again at 12:01:00 UTC\./);
    assert.match(text, /Attempt 1 Began to wait after 5\.0 s/);
    assert.match(text, /approval callback waiting until 13:00 UTC/);
    assert.match(text, /Next attempt 2026-03-01 12:01:00 UTC, or when an event or an answer wakes it/);
    assert.match(text, /token bob paused release 2026-03-01 11:59:55 UTC\. It continues when it is resumed\./);
    assert.match(text, /Cancel run/);
    assert.doesNotMatch(text, /Re-run/);
  });

  it("shows steps and lines of the current attempt", async () => {
    const lines = [
      { attempt: 1, number: 1, at: NOW - 3000, level: "info", message: "first\nsecond", facts: { pull: 7, of: "a b" } },
      { attempt: 1, number: 2, at: NOW - 2000, level: "warn", message: "<b>\u202ehm" },
    ] as const;
    const steps = [step("build"), step("deploy", { startedAt: NOW - 9000, endedAt: undefined })];
    const { text, html } = await pageOf(detailOf({ status: "running" }, { steps }), lines);
    assert.match(text, /Attempt 1 running since .* build 2\.0 s deploy running 9\.0 s/);
    assert.match(
      text,
      /Log 2 lines, 1 warning All Info Warnings Errors Whole log Plain text 11:59:57 first second pull=7 of="a b" 11:59:58 warn &lt;b&gt;\\u202ehm/,
    );
    assert.match(html, /<details class="log" id="log-1" open>/);
  });

  it("names who started, re-ran and cancelled it, in order of time, and marks the clean-up after a cancel", async () => {
    const actions: Action[] = [
      { at: NOW - 60_000, actor: "token alice", action: "started" },
      { at: NOW - 33_000, actor: "token bob", action: "re-run", details: "from the failed step" },
      { at: NOW - 24_000, actor: "token carol", action: "cancelled" },
    ];
    const attempts = [
      attempt(1, { code: "aaaaaaaaaaaa" }),
      attempt(2, { outcome: "cancelled", code: "bbbbbbbbbbbb" }),
      attempt(3, { outcome: "success", handler: true, code: "bbbbbbbbbbbb" }),
    ];
    const run = {
      status: "cancelled",
      endedAt: NOW - 20_000,
      attempts: 3,
      reason: "cancelled by token carol",
    } as const;
    const { text } = await pageOf(detailOf(run, { actions, attempts }));
    assert.match(
      text,
      /Started by token alice .*Attempt 1 Failure .*Re-run by token bob .*from the failed step .*Attempt 2 Cancelled .*Cancelled by token carol .*Clean-up after the cancel \(attempt 3, cancelled\) Success /,
    );
    assert.match(text, /Code version bbbbbbbbbbbb, changed since attempt 1\./);
    assert.equal(text.match(/changed since/g)?.length, 1);
    assert.match(text, /Why it ended token carol cancelled it 2026-03-01 11:59:36 UTC\./);
    assert.equal(text.match(/Started by token alice/g)?.length, 2, "in the facts and once in what happened");
  });

  it("links to the run that started it", async () => {
    const id = "3f9c2a10-0000-4000-8000-00000000000a";
    const { html, text } = await pageOf(detailOf({ actor: `run ${id}`, trigger: "call" }));
    assert.ok(html.includes(`<bdi>run <a href="/runs/${id}">${id}</a></bdi>`));
    assert.match(text, /Trigger Another workflow Started by run 3f9c2a10/);
  });

  it("shows that a running run is being cancelled, but not because of a cancel before its re-run", async () => {
    const actions: Action[] = [{ at: NOW - 1000, actor: "token bob", action: "cancelled" }];
    const run = { status: "running", startedAt: NOW - 10_000 } as const;
    const { text } = await pageOf(detailOf({ ...run, cancelledBy: "token bob" }, { actions }));
    assert.match(text, /It is being cancelled token bob cancelled it .*Attempt 1 running .*Cancelled by token bob/);
    assert.doesNotMatch((await pageOf(detailOf(run, { actions }))).text, /being cancelled/);
  });

  it("shows a run whose cancel takes long to confirm, instead of hanging", async () => {
    const clock = movedClock();
    const never = () => new Promise<never>(() => {});
    const app = pagesOf({ clock, runs: { cancel: never } });
    const answer = app.request("/runs/x/cancel", { method: "POST" });
    await until("it waits", () => clock.next() !== undefined);
    clock.move(3000);
    assert.deepEqual([(await answer).status, (await answer).headers.get("location")], [303, "/runs/x"]);
  });

  it("shows a wait with the attempt that still waits for it, and the running clean-up", async () => {
    // Earlier attempts waited for the same thing. They are not kept.
    const steps = [step("approval", { kind: "callback", endedAt: undefined }), step("build", { attempt: 3 })];
    const waiting = [attempt(4, { outcome: "waiting" })];
    const { text } = await pageOf(detailOf({ status: "waiting", attempts: 4 }, { steps, attempts: waiting }));
    assert.match(text, /Attempt 4 Began to wait .* approval callback waiting .* build/);

    const run = { status: "cancelled", attempts: 2, endedAt: NOW - 5000, supersededBy: "a-newer-run" } as const;
    const cleaning = { steps: [step("undo", { attempt: 2, endedAt: undefined })], attempts: [attempt(1)] };
    const lines = [{ attempt: 2, number: 1, at: NOW, level: "info", message: "cleaning" }] as const;
    const page = await pageOf(detailOf(run, cleaning), lines);
    assert.match(
      page.text,
      /Clean-up after the cancel \(attempt 2, cancelled\) running since .* undo running .*cleaning/,
    );
    assert.match(page.html, /<a href="\/runs\/a-newer-run">Show the newer run/);
  });

  it("offers to re-run from the failed step only if earlier results can be used", async () => {
    const buttons = async (detail: RunDetail) =>
      [
        ...(await pageOf(detail)).html
          .replace(/^.*<main|<footer>.*/gs, "")
          .matchAll(/<(?:button(?! type="button")|a class="button")[^>]*>([^<]+)</g),
      ].map(([, text]) => text);
    const changed = "Re-run with changed input";
    assert.deepEqual(await buttons(detailOf({ status: "failure" })), ["Re-run", changed]);
    const failed = { steps: [step("build"), step("deploy", { error: "no" })] };
    const all = ["Re-run all steps", "Re-run from the failed step", changed];
    assert.deepEqual(await buttons(detailOf({ status: "failure" }, failed)), all);
    const unfinished = ["Re-run all steps", "Re-run the unfinished steps", changed];
    assert.deepEqual(await buttons(detailOf({ status: "cancelled" }, { steps: [step("build")] })), unfinished);
    assert.deepEqual(await buttons(detailOf({ status: "success" }, failed)), ["Re-run all steps", changed]);
    assert.deepEqual(await buttons(detailOf({ status: "failure", ownToken: true }, failed)), []);
  });

  it("limits the number of steps and the length of lines, for any workflow", async () => {
    const steps = Array.from({ length: 300 }, (_, at) => step(`step ${at} ${"x".repeat(5000)}`));
    const lines = Array.from({ length: 200 }, (_, at) => {
      return { attempt: 1, number: at + 1, at: NOW, level: "info" as const, message: "y".repeat(50_000) };
    });
    const { html, text } = await pageOf(detailOf({ status: "failure" }, { steps, attempts: [attempt(1)] }), lines);
    assert.ok(html.length < 60_000, `${html.length}`);
    assert.match(text, /And 2\d\d more steps/);
  });

  it("passes on who re-runs and cancels, and shows why that failed", async () => {
    const asked: unknown[] = [];
    const rejected: Rerun = {
      status: "notNeeded",
      canForce: true,
      reason: "Its group has a newer run: 3f9c2a10-0000-4000-8000-000000000009.",
    };
    const app = pagesOf({
      runs: {
        get: async () => detailOf({ status: "failure" }),
        rerun: async (id, options) => {
          asked.push([id, options]);
          return options.evenIfOlder ? { status: "queued", run: aRun() } : rejected;
        },
        cancel: async (id, { actor }) => {
          asked.push([id, actor]);
          return { status: "ended", run: aRun({ status: "failure" }) };
        },
      },
    });
    const post = (path: string) => app.request(path, { method: "POST" });
    const notDone = await post("/runs/x/rerun?from=failure");
    assert.equal(notDone.status, 409);
    const text = await notDone.text();
    assert.match(
      text,
      /The run was not re-run\.<\/strong> Its group has a newer run: <a href="\/runs\/3f9c2a10-[^"]+">/,
    );
    assert.match(text, /<link rel="canonical" href="\/runs\/3f9c2a10-0000-4000-8000-000000000001">/);
    const [, force = ""] = /action="([^"]+evenIfOlder[^"]+)"/.exec(text) ?? [];
    const done = await post(force.replaceAll("&amp;", "&"));
    assert.deepEqual([done.status, done.headers.get("location")], [303, "/runs/3f9c2a10-0000-4000-8000-000000000001"]);
    const ended = await post("/runs/x/cancel");
    assert.equal(ended.status, 409);
    assert.match(
      await ended.text(),
      /The run was not cancelled\.<\/strong> It had already ended: its status is failure\./,
    );
    const [actor, who] = ["anonymous", { actor: "anonymous", role: "operator", via: "none", address: "" }];
    assert.deepEqual(asked, [
      ["x", { from: "failure", evenIfOlder: false, ...who }],
      ["3f9c2a10-0000-4000-8000-000000000001", { from: "failure", evenIfOlder: true, ...who }],
      ["x", actor],
    ]);
  });

  it("re-runs with changed input, by the form of its trigger's schema or as JSON", async () => {
    const body = z.object({ version: z.string(), dry: z.boolean().default(false) });
    const release = { name: "release", on: { manual: { inputs: body } }, run: async () => {} } as Workflow;
    const given: unknown[] = [];
    const start = (all: readonly Workflow[]) =>
      pagesOf({
        workflows: { all },
        runs: {
          get: async () => detailOf({ status: "success" }),
          rerunWith: async (id, input, { actor }) => {
            given.push([id, input, actor]);
            const isTag = JSON.stringify(input).includes('"v2"');
            if (isTag) return { status: "started", run: aRun({ id: "a-new-run" }) };
            return { status: "rejected", problems: [{ field: "version", message: "must be a tag" }] };
          },
        },
      });
    const send = (app: ReturnType<typeof pagesOf>, form: Record<string, string>) => {
      const sent = String(new URLSearchParams(form));
      const headers = { "content-length": String(sent.length) };
      return app.request("/runs/x/changed", { method: "POST", body: sent, headers });
    };
    const app = start([release]);
    assert.match(await (await app.request("/runs/x/changed")).text(), /name="input.version"[^>]* value="v1"/);
    const wrong = await send(app, { "input.version": "v3" });
    assert.equal(wrong.status, 422);
    assert.match(await wrong.text(), /value="v3".*must be a tag/s);
    const right = await send(app, { "input.version": "v2", "input.dry": "true" });
    assert.deepEqual([right.status, right.headers.get("location")], [303, "/runs/a-new-run"]);
    // Its workflow is gone, or does not describe its input.
    const plain = start([]);
    assert.match(
      await (await plain.request("/runs/x/changed")).text(),
      /<textarea[^>]+>\n\{\n {2}&quot;version&quot;: &quot;v1&quot;\n\}</,
    );
    assert.equal((await send(plain, { input: "{" })).status, 422);
    assert.equal((await send(plain, { input: '{"version":"v2"}' })).status, 303);
    const id = "3f9c2a10-0000-4000-8000-000000000001";
    assert.deepEqual(given, [
      [id, { version: "v3", dry: false }, "anonymous"],
      [id, { version: "v2", dry: true }, "anonymous"],
      [id, { version: "v2" }, "anonymous"],
    ]);
  });

  it("shows for a failure whether a newer run of its group succeeded, unless every event of the group runs", async () => {
    const failed = aRun({
      status: "failure",
      kind: "permanent",
      group: "pr-1",
      reason: "no tag",
      endedAt: NOW - 50_000,
    });
    const newer = aRun({ id: "another", status: "success", group: "pr-1", endedAt: NOW - 1000 });
    const textOf = async (newest: Run, queue?: "all") => {
      const concurrency = { group: "pr-1", ...(queue && { queue }) };
      const release: Workflow = { name: "release", on: { manual: true }, concurrency, run: async () => null };
      const list = async () => ({ runs: [newest], next: undefined });
      const runs = { get: async () => detailOf(failed), list };
      return plain(await (await pagesOf({ runs, workflows: { all: [release] } }).request("/runs/x")).text());
    };
    const fix = /Fix this, then re-run\./;
    assert.match(
      await textOf(newer),
      /A newer run of its group succeeded at 11:59:59 UTC\. You do not need to do anything\./,
    );
    assert.doesNotMatch(await textOf(newer), fix);
    assert.match(await textOf({ ...newer, status: "running" }), /Look at the newer run of its group first: running/);
    assert.match(await textOf(failed), fix);
    assert.match(await textOf(newer, "all"), fix);
  });
});
