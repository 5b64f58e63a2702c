import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Run, RunStatus } from "../src/model/run.ts";
import type { Workflow } from "../src/model/workflow.ts";
import type { WorkflowFacts } from "../src/model/workflow-facts.ts";
import { aRun, countsOf, factsOf, NOW, pagesOf, plain } from "./support/pages.ts";

const HOUR = 3_600_000;

const hook = (name: string, more: Partial<Workflow> = {}) =>
  ({ name, on: { http: { path: `/${name}` } }, run: async () => {}, ...more }) as unknown as Workflow;

/** Runs of these statuses, newest first, an hour apart. Each success took one second longer than the next newer run. */
function runsOf(...statuses: readonly RunStatus[]): Run[] {
  return statuses.map((status, at) => {
    const isOpen = ["queued", "running", "waiting"].includes(status);
    const startedAt = NOW - (at + 1) * HOUR;
    const endedAt = isOpen ? undefined : startedAt + at * 1000;
    return aRun({ id: `run-${at}`, status, acceptedAt: startedAt, startedAt, endedAt });
  });
}

function pages(all: readonly WorkflowFacts[], more: Parameters<typeof pagesOf>[0] = {}) {
  const one = async (name: string) => all.find((each) => each.name === name);
  const there = all.flatMap(({ workflow }) => workflow ?? []);
  const app = pagesOf({ ...more, workflows: { all: there, facts: { all: async () => all, one }, ...more.workflows } });
  return {
    html: async (path: string) => (await app.request(path)).text(),
    text: async (path: string) => plain(await (await app.request(path)).text()),
    app,
  };
}

/** The part of a page between two headings. */
const part = (html: string, from: string, to = "</html>") => html.slice(html.indexOf(from)).split(to, 1)[0] ?? "";

describe("the sparkline of a workflow", () => {
  it("has a shape for each status, and describes in words what it shows", async () => {
    const statuses = [
      "queued",
      "running",
      "waiting",
      "success",
      "failure",
      "skipped",
      "superseded",
      "cancelled",
    ] as const;
    const runs = runsOf(...statuses, "failure");
    const { html, text } = pages([factsOf(hook("deploy"), { runs })]);
    const page = await html("/workflows/deploy");
    const shapes = new Map(
      [...page.matchAll(/<path class="(\w+)" d="([^"]+)"/g)].map(([, kind, path = ""]) => [
        kind,
        path.replaceAll(/M[\d.]+/g, "M"),
      ]),
    );
    const kinds = ["open", "success", "failure", "skipped", "superseded", "cancelled", "cross"];
    assert.deepEqual(
      kinds.filter((kind) => !shapes.has(kind)),
      [],
    );
    assert.equal(new Set(shapes.values()).size, shapes.size, "no two statuses have one shape");
    assert.match(
      await text("/workflows/deploy"),
      /The last 9 runs: 1 success, 1 skipped, 2 failure, 1 cancelled, 1 superseded, 3 unfinished\. The newest: queued\./,
    );
    for (const { id } of runs) assert.match(page, new RegExp(`<a href="/runs/${id}" tabindex="-1"><title>`));
    assert.match(page, /<title>Failure, 5 h ago, took 4\.0 s<\/title>/);
    assert.match(page, /<svg viewBox="0 0 240 24" aria-hidden="true">/);
  });

  it("shows the duration of a success as its height, always high enough to see", async () => {
    const { html } = pages([factsOf(hook("deploy"), { runs: runsOf("success", "success", "success") })]);
    const path = /class="success" d="([^"]+)"/.exec(await html("/workflows/deploy"))?.[1] ?? "";
    const heights = [...path.matchAll(/v-(\d+)/g)].map(([, height]) => Number(height));
    assert.deepEqual(heights, [5, 16, 21], "the newest, which took no time, first");
  });

  it("links failures first if there are many workflows, so that the page stays small", async () => {
    const id = (at: number) => `3f9c2a10-0000-4000-8000-${String(at).padStart(12, "0")}`;
    const runs = runsOf(...Array<RunStatus>(29).fill("success"), "failure").map((run, at) => ({ ...run, id: id(at) }));
    const schedule = { ticks: [NOW + HOUR, NOW + 5 * HOUR], hasMore: false, next: NOW + HOUR, late: undefined };
    const on = {
      schedule: { cron: "0 1,5 * * *", timeZone: "Europe/Zagreb" },
      github: { events: "push", branches: "main" },
    };
    const all = Array.from({ length: 60 }, (_, at) =>
      factsOf(hook(`workflow-${at}`, { on } as never), {
        runs,
        schedule,
        file: `workflow-${at}.ts`,
        code: "3f9c2a10bb21",
      }),
    );
    const { html } = pages(all);
    const page = await html("/workflows");
    assert.equal(page.match(new RegExp(`href="/runs/${id(29)}" tabindex`, "g"))?.length, 15, "the failure of each");
    assert.equal(page.match(/tabindex="-1"><title>/g)?.length, 30);
    assert.match(plain(page), /Page 1 of 4 Next/);
    assert.match(plain(page), /90 more in these 24 hours/);
    assert.ok(Buffer.byteLength(page) < 60_000, `${Buffer.byteLength(page)} bytes`);
    const last = await html("/workflows?page=4");
    assert.deepEqual(
      [
        last.includes(">workflow-44<"),
        last.includes('id="workflow-workflow-45"'),
        last.includes('id="workflow-workflow-59"'),
      ],
      [true, true, true].map((_, at) => at > 0),
    );
    for (const query of ["?page=99", "?page=-1", "?page=x", "?page=1e9"]) {
      assert.match(
        plain(await html(`/workflows${query}`)),
        query === "?page=99" ? /Page 4 of 4/ : /Page 1 of 4/,
        query,
      );
    }
  });
});

describe("the figures of a workflow", () => {
  it("exclude skipped, superseded and cancelled runs, and state it", async () => {
    const runs = runsOf("success", "skipped", "failure", "superseded", "cancelled", "success", "success");
    const { text } = pages([factsOf(hook("deploy"), { runs })]);
    for (const path of ["/workflows", "/workflows/deploy"]) {
      assert.match(await text(path), /newest 100 ended runs\. Skipped, superseded and cancelled runs do not count\./);
    }
    assert.match(
      await text("/workflows"),
      /75% of 4 succeeded p50 2\.0 s, p95 6\.0 s Last success just now|75% of 4 succeeded p50 2\.0 s, p95 6\.0 s Last success 1 h ago/,
    );
    assert.match(
      await text("/workflows/deploy"),
      /Success rate 75% \(3 of 4\) p50 \/ p95 2\.0 s \/ 6\.0 s Last success 1 h ago Last failure 2 h ago/,
    );
  });

  it("never hide a failure or a success by rounding", async () => {
    const rate = async (...statuses: RunStatus[]) =>
      /Success rate (\S+)/.exec(
        await pages([factsOf(hook("a"), { runs: runsOf(...statuses) })]).text("/workflows/a"),
      )?.[1];
    const successes = Array<RunStatus>(99).fill("success");
    assert.equal(await rate(...successes, "success"), "100%");
    assert.equal(await rate("failure", ...Array<RunStatus>(99).fill("success")), "99%");
    assert.equal(await rate("success", ...Array<RunStatus>(99).fill("failure")), "1%");
    assert.equal(await rate("failure"), "0%");
    assert.equal(await rate("skipped"), "–");
  });

  it("are unknown for one that never ran, and words for one that never worked", async () => {
    const failed = Array<RunStatus>(100).fill("failure");
    const { text } = pages([factsOf(hook("new")), factsOf(hook("bad"), { runs: runsOf(...failed) })]);
    const fresh = await text("/workflows/new");
    assert.match(fresh, /No run yet\. Success rate – p50 \/ p95 – Last success – Last failure –/);
    assert.match(fresh, /Runs No run yet\./);
    assert.match(await text("/workflows/bad"), /Last success None in the newest 2,000 runs Last failure 1 h ago/);
  });
});

describe("the page of a workflow", () => {
  it("describes in words its triggers and its options", async () => {
    const workflow = hook("deploy", {
      on: {
        github: [
          { events: "push", filter: () => true },
          { events: "issues", actions: ["opened"] },
        ],
        manual: { description: "Deploys <main>." },
        call: true,
      },
      concurrency: { group: () => "a", cancelRunning: true },
      debounce: "30s",
      throttle: { limit: 1, per: "1h" },
      dedupe: { key: () => "", within: "10m" },
      timeout: "90s",
      retry: false,
      env: ["SLACK_URL", "TOKEN"],
      notify: ["SLACK_DEPLOYS", { to: "TEAMS", on: ["success"] }],
      cancelled: () => {},
      report: "check",
      repository: "acme/shop",
      githubApp: "BOT",
    } as never);
    const { text, html } = pages([factsOf(workflow, { file: "deploy.ts", code: "3f9c2a10bb21" })]);
    const page = await text("/workflows/deploy");
    for (const words of [
      "Deploys &lt;main&gt;.",
      "GitHub push GitHub issues (opened) By hand Another workflow",
      "Concurrency One run per group at a time. A newer event cancels the run that is running or waiting.",
      "Debounce A run begins when its group has had no newer event for 30 s.",
      "Throttle Up to 1 run begins per 1 h. The others wait.",
      "Repeats A run is skipped if one with the same key has succeeded in the last 10 min.",
      "Timeout An attempt fails after 1 min 30 s.",
      "Retries None: any failure ends the run. A run still waits for GitHub’s limits.",
      "Filter Its code checks each event and may ignore it: push",
      "Variables SLACK_URL, TOKEN",
      "Notices SLACK_DEPLOYS (failure, recovery); TEAMS (success)",
      "Cancelled runs The workflow cleans up after them.",
      "Reports The result of each run is the check deploy.",
      "Acts on GitHub as App BOT",
      "Repository acme/shop",
      "File deploy.ts Code version 3f9c2a10bb21",
    ]) {
      assert.ok(page.includes(words), `${words}\nnot in ${page}`);
    }
    assert.match(await html("/workflows/deploy"), /action="\/workflows\/deploy\/start"/);
  });

  it("describes the defaults without any option", async () => {
    const { text } = pages([
      factsOf(hook("plain")),
      factsOf(hook("one", { concurrency: "deploys" })),
      factsOf(hook("ordered", { concurrency: { group: "deploys", queue: "all" } })),
      factsOf(hook("status", { report: "status" })),
    ]);
    assert.match(
      await text("/workflows/plain"),
      /Concurrency Runs do not wait for each other\. Timeout An attempt fails after 5 min\. Retries Temporary failures are retried for up to 24 h\./,
    );
    const concurrency = async (name: string) => /Concurrency (.*?) Timeout/.exec(await text(`/workflows/${name}`))?.[1];
    assert.equal(await concurrency("one"), "One run at a time (group deploys). A newer event replaces the queued one.");
    assert.equal(await concurrency("ordered"), "One run at a time (group deploys). Every event runs, in order.");
    assert.equal(await concurrency("status"), "One run per commit at a time. A newer event replaces the queued one.");
  });

  it("has its runs, with links to all of them by status", async () => {
    const asked: unknown[] = [];
    const { html } = pages([factsOf(hook("deploy"))], {
      runs: {
        counts: async (filter) => countsOf(filter.workflow === "deploy" ? { failure: 1, success: 25 } : {}),
        async list(filter, page) {
          asked.push(filter, page);
          return {
            runs: [aRun({ workflow: "deploy", group: "pr-7", status: "failure", reason: "it broke" })],
            next: undefined,
          };
        },
      },
    });
    const page = await html("/workflows/deploy");
    assert.deepEqual(asked, [{ workflow: "deploy" }, { limit: 15 }]);
    assert.match(plain(part(page, 'id="runs"')), /Failure.* pr-7 .* it broke/);
    assert.match(page, /href="\/\?text=workflow%3Adeploy&amp;status=failure"/);
    assert.match(plain(part(page, 'id="runs"')), /All 26.*Failure 1/);
  });

  it("of a removed workflow shows its runs without buttons, and whether its file is broken", async () => {
    const broken = { file: "late.ts", problems: ["SyntaxError: Unexpected token <b>"] };
    const { text, html, app } = pages([
      factsOf("old", { runs: runsOf("success") }),
      factsOf("late", { runs: runsOf("failure"), broken }),
    ]);
    const list = await text("/workflows");
    assert.match(list, /old This workflow no longer exists\. Its runs are kept\. The last run: success\./);
    assert.match(list, /late Broken: late\.ts has no working workflow now\. Its runs begin when you fix the file\./);
    const page = await html("/workflows/late");
    assert.match(plain(page), /Broken: late\.ts has no working workflow .* SyntaxError: Unexpected token &lt;b&gt;/);
    assert.doesNotMatch(page, /action="\/workflows\/late/);
    assert.equal((await app.request("/workflows/late/start")).status, 404);
  });

  it("has the buttons that the list has, and shows itself again after a pause", async () => {
    const done: string[] = [];
    const { html, app } = pages([factsOf(hook("deploy"))], {
      workflows: {
        pause: async (workflow) => void done.push(workflow),
        paused: async () => (done.length > 0 ? [{ workflow: "deploy", actor: "token alice", at: NOW }] : []),
      },
    });
    const [, action = ""] = /action="([^"]*pause[^"]*)"/.exec(await html("/workflows/deploy")) ?? [];
    const answer = await app.request(action, { method: "POST" });
    assert.deepEqual([answer.status, answer.headers.get("location")], [303, "/workflows/deploy"]);
    assert.match(
      plain(await html("/workflows/deploy")),
      /deploy is paused \(token alice, 2026-03-01 12:00:00 UTC\)\. .* deploy Resume /,
    );
  });

  it("is a 404 with suggestions for a name without a workflow and runs", async () => {
    const { app } = pages([factsOf(hook("deploy"))]);
    const answer = await app.request("/workflows/deplyo");
    assert.equal(answer.status, 404);
    const page = await answer.text();
    assert.match(plain(page), /There is no workflow with this name, and no run of it\. Did you mean deploy\?/);
    assert.match(page, /href="\/workflows\/deploy"/);
    assert.equal((await app.request(`/workflows/${"x".repeat(5000)}`)).status, 404);
    assert.equal((await app.request("/workflows/%00%ff")).status, 404);
  });

  it("is found by any name, which stays text everywhere", async () => {
    const names = [
      `a/b?c#d&e="f"`,
      "ünï 😀 %2F",
      "<img src=x onerror=alert(1)>",
      "\u202Egnp.exe",
      "start",
      "*",
      "n".repeat(3000),
    ];
    const { html } = pages(names.map((name) => factsOf(name, { runs: runsOf("success") })));
    const list = await html("/workflows");
    for (const name of names) {
      const path = `/workflows/${encodeURIComponent(name)}`;
      const inPage = path.replaceAll("'", "&#39;");
      assert.ok(list.includes(`href="${inPage}"`), `the list links ${name.slice(0, 30)}`);
      assert.match(await html(path), /This workflow no longer exists/, name.slice(0, 30));
    }
    assert.doesNotMatch(list, /<img/);
    assert.ok(!plain(list).includes("\u202E"));
  });

  it("names the first of fifty triggers in the list, and all on its page", async () => {
    const github = Array.from({ length: 50 }, (_, at) => ({ events: "push", branches: `branch-${at}` }));
    const { text } = pages([factsOf(hook("many", { on: { github } } as never))]);
    const list = await text("/workflows");
    assert.match(list, /branch-3\) and 46 more triggers/);
    assert.doesNotMatch(list, /branch-4\b/);
    assert.match(await text("/workflows/many"), /branch-49/);
  });
});
