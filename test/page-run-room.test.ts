import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RunDetail } from "../src/model/history.ts";
import type { Attempt, LogLine, Run, Step } from "../src/model/run.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { aRun, NOW, pagesOf, plain } from "./support/pages.ts";

/** The size limit of a page without its assets, bytes. */
const MOST = 60_000;

const ANYTHING = { safeParse: (data: unknown) => ({ success: true as const, data }) };
/** What grows most when it is escaped. */
const QUOTES = `"'<&>`.repeat(4000);

const attempt = (number: number, more: Partial<Attempt> = {}): Attempt => ({
  ...{
    number,
    startedAt: NOW - 900_000 + number * 10_000,
    endedAt: NOW - 895_000 + number * 10_000,
    outcome: "failure",
  },
  ...{ reason: undefined, kind: undefined, githubRequestId: undefined, ...more },
});

const step = (name: string, more: Partial<Step> = {}): Step => ({
  ...{ name, kind: "step", attempt: 1, startedAt: NOW - 40_000, endedAt: NOW - 38_000, result: null, error: undefined },
  ...more,
});

const line = (number: number, more: Partial<LogLine & { attempt: number }> = {}) =>
  ({ attempt: 1, number, at: NOW, level: "info", message: `line ${number}`, ...more }) as const;

const detailOf = (run: Partial<Run>, more: Partial<RunDetail> = {}): RunDetail => ({
  run: aRun(run),
  ...{ attempts: [], steps: [], superseded: [], actions: [] },
  ...more,
});

function pageOf(detail: RunDetail, lines: readonly (LogLine & { attempt: number })[] = [], workflow?: Workflow) {
  const app = pagesOf({
    runs: {
      get: async () => detail,
      lines: async (_, { after = "0.0", limit }) => {
        const [attemptAfter = 0, numberAfter = 0] = after.split(".").map(Number);
        const isAfter = (each: LogLine & { attempt: number }) =>
          each.attempt > attemptAfter || (each.attempt === attemptAfter && each.number > numberAfter);
        const found = lines.filter(isAfter).slice(0, limit);
        const last = found.at(-1);
        return { lines: found, next: last ? `${last.attempt}.${last.number}` : after };
      },
    },
    workflows: { all: workflow ? [workflow] : [] },
  });
  return async (path = "/runs/x") => {
    const answer = await app.request(path);
    const html = await answer.text();
    return { status: answer.status, html, text: plain(html), bytes: Buffer.byteLength(html), headers: answer.headers };
  };
}

const range = <T>(count: number, make: (at: number) => T) => Array.from({ length: count }, (_, at) => make(at));

describe("The page of a run has at most 60 kB", () => {
  const many = {
    attempts: range(50, (at) =>
      attempt(at + 1, {
        reason: QUOTES.slice(0, 4000),
        stack: `Error: ${QUOTES.slice(0, 500)}\n    at run (deploy.ts:3:1)\n${"    at lib (/a/b/c.js:1:1)\n".repeat(100)}`,
        code: "aaaaaaaaaaaa",
        githubRequestId: "X".repeat(200),
        sent: {
          count: 400,
          requests: range(20, () => ({
            at: NOW,
            method: "POST",
            path: `/${QUOTES.slice(0, 300)}`,
            status: 500,
            body: QUOTES.slice(0, 1000),
          })),
        },
      }),
    ),
    steps: range(5000, (at) =>
      step(`${at} ${QUOTES}`, { attempt: (at % 50) + 1, ...(at % 3 === 0 ? { error: QUOTES } : { result: QUOTES }) }),
    ),
    superseded: range(100, (at) => `3f9c2a10-0000-4000-8000-${String(at).padStart(12, "0")}`),
    actions: range(300, (at) => ({
      at: NOW - 800_000 + at,
      actor: QUOTES.slice(0, 900),
      action: "re-run" as const,
      details: QUOTES,
    })),
  };
  const lines = range(10_000, (at) =>
    line((at % 200) + 1, { attempt: Math.floor(at / 200) + 1, message: QUOTES.slice(0, 2000), level: "error" }),
  );
  const its = {
    reason: QUOTES.slice(0, 4000),
    attempts: 50,
    title: QUOTES.slice(0, 200),
    group: QUOTES,
    input: { text: "x".repeat(1_000_000) },
    outputs: { text: QUOTES },
  };
  const release = {
    name: "release",
    on: { http: { path: "/a", body: ANYTHING }, manual: true },
    run: async () => {},
  } as Workflow;

  for (const [what, run, more] of [
    ["failed, with 50 attempts, 5,000 steps, 10,000 lines and an input of 1 MB", { status: "failure" }, {}],
    ["running", { status: "running", attempts: 51 }, {}],
    [
      "waiting",
      { status: "waiting" },
      {
        wakeKeys: range(1000, (at) => `pull_request acme/shop ${at}`),
        steps: range(500, (at) => step(`${at}${QUOTES}`, { kind: "callback", endedAt: undefined, until: NOW })),
      },
    ],
    ["queued", { status: "queued", kind: "transient" }, {}],
    [
      "with a small hostile input",
      { status: "success", input: { a: QUOTES.slice(0, 800) } },
      { attempts: [], steps: [] },
    ],
    [
      "of an event",
      {
        status: "success",
        trigger: "github",
        input: {
          name: QUOTES,
          payload: {
            action: QUOTES,
            sender: { login: QUOTES },
            repository: { full_name: QUOTES },
            issue: { number: 7 },
          },
        },
      },
      {},
    ],
  ] as const) {
    it(`when it is ${what}`, async () => {
      const page = pageOf(detailOf({ ...its, ...(run as object) }, { ...many, ...(more as object) }), lines, release);
      for (const path of ["/runs/x", "/runs/x?level=error", "/runs/x/log", "/runs/x/log?attempt=7&level=warn"]) {
        const { bytes, status } = await page(path);
        assert.equal(status, 200);
        assert.ok(bytes < MOST, `${path}: ${bytes}`);
      }
    });
  }

  it("also with one attempt", async () => {
    const page = pageOf(detailOf({ ...its, status: "failure" }, many), lines, release);
    for (const number of [1, 25, 50]) {
      const { bytes, text } = await page(`/runs/x/attempts/${number}`);
      assert.ok(bytes < MOST && bytes > 5000, `${number}: ${bytes}`);
      assert.match(text, new RegExp(`Attempt ${number} of 50\\.`));
    }
  });
});

describe("What does not fit on the page of a run", () => {
  it("are the older attempts, first in part and then completely; the latest is always there, and the others are linked", async () => {
    const attempts = range(50, (at) => attempt(at + 1, { reason: "no ".repeat(500) }));
    const { text, html } = await pageOf(detailOf({ status: "failure", attempts: 50 }, { attempts }))();
    assert.match(text, /Attempt 50 Failure after 5\.0 s Began/);
    assert.match(text, /Attempt 40 Failure after 5\.0 s/);
    assert.match(html, /href="\/runs\/[-\w]+\/attempts\/1"/);
  });

  it("are successful steps before failed or running ones", async () => {
    const steps = [
      step("broken", { error: "no" }),
      ...range(1000, (at) => step(`fine ${at}`)),
      step("now", { endedAt: undefined }),
    ];
    const { text } = await pageOf(detailOf({ status: "running" }, { steps }))();
    assert.match(
      text,
      /And \d{3} more steps: the API returns all\. broken failed 2\.0 s no fine \d+ .* fine 999 2\.0 s now running/,
    );
  });

  it("are the earlier lines of a log, which are on another page and in a text", async () => {
    const lines = range(450, (at) =>
      line((at % 200) + 1, {
        attempt: Math.floor(at / 200) + 1,
        level: at % 100 === 99 ? "warn" : "info",
        message: `${"x".repeat(300)} ${at}`,
      }),
    );
    const page = pageOf(
      detailOf({ status: "failure", attempts: 3 }, { attempts: [attempt(1), attempt(2), attempt(3)] }),
      lines,
    );
    const { html, text } = await page();
    assert.match(text, /\d+ earlier lines/);
    assert.ok(html.includes("x 449<") && !html.includes("x 0<"));

    let path = "/runs/x/log";
    const seen: string[] = [];
    for (let pages = 0; path !== ""; pages++) {
      const log = await page(path);
      assert.ok(log.bytes < MOST && pages < 10);
      seen.push(...[...log.html.matchAll(/x{300} (\d+)</g)].map(([, at]) => String(at)));
      path = /<a href="([^"]+)" rel="next">/.exec(log.html)?.[1]?.replaceAll("&amp;", "&") ?? "";
    }
    assert.deepEqual(seen, range(450, String));

    const plainText = await page("/runs/x/log.txt");
    assert.match(String(plainText.headers.get("content-type")), /^text\/plain/);
    assert.equal(plainText.html.match(/ INFO {2}| WARN {2}/g)?.length, 450);
    assert.match(plainText.html, /^--- attempt 1\n2026-03-01T12:00:00\.000Z INFO {2}x+ 0\n/);
    const second = await page("/runs/x/log.txt?attempt=2&level=warn");
    assert.deepEqual(second.html.match(/(?<=x )\d+(?=\n)/g), ["299", "399"]);
  });
});

describe("The level of a log", () => {
  it("hides lines below it, also without JavaScript, and is kept in the address", async () => {
    const lines = [
      line(1),
      line(2, { level: "warn", message: "careful" }),
      line(3, { level: "error", message: "broken" }),
      line(4, { level: "debug" }),
    ];
    const page = pageOf(detailOf({ status: "running" }), lines);
    const { html, text } = await page("/runs/x?level=warn");
    assert.ok(text.includes("careful") && text.includes("broken") && !text.includes("line 1"));
    assert.match(html, /<a href="\/runs\/[^"]+\?level=error#log-1">Errors/);
    assert.match(html, /level=warn#log-1" aria-current="true">Warnings/);
    assert.match(text, /Log 4 lines, 1 warning, 1 error/);
    assert.ok((await page("/runs/x?level=nonsense")).text.includes("line 1"));
  });
});

describe("A permalink of an attempt", () => {
  it("shows only that attempt, for any later state of the run, and links to its neighbours", async () => {
    const attempts = [
      attempt(1, { reason: "first" }),
      attempt(2, { reason: "second" }),
      attempt(4, { outcome: "success" }),
    ];
    const lines = [line(1, { message: "of one" }), line(1, { attempt: 2, message: "of two" })];
    const page = pageOf(
      detailOf({ status: "success", attempts: 4 }, { attempts, steps: [step("a"), step("b", { attempt: 2 })] }),
      lines,
    );
    const { text, html } = await page("/runs/x/attempts/2");
    assert.match(
      text,
      /Runs \/ release \/ Attempt 2 .*Attempt 2 of 4\. Failure after 5\.0 s\. Earlier attempt Later attempt Whole run/,
    );
    assert.match(text, /second .*b 2\.0 s .*of two/);
    assert.doesNotMatch(text, /first|of one|Attempt 4 Success/);
    assert.deepEqual(
      [...html.matchAll(/attempts\/(\d)">(?:Earlier|Later)/g)].map(([, number]) => number),
      ["1", "4"],
    );
  });

  it("shows the current attempt, and reports a missing one", async () => {
    const page = pageOf(
      detailOf(
        { status: "running", attempts: 2 },
        { attempts: [attempt(1)], steps: [step("now", { attempt: 2, endedAt: undefined })] },
      ),
    );
    assert.match((await page("/runs/x/attempts/2")).text, /Attempt 2 of 2\. It is running\. .*now running/);
    for (const wrong of ["3", "0", "x", "1e3", "99999999999"]) {
      const { status, text } = await page(`/runs/x/attempts/${wrong}`);
      assert.equal(status, 404);
      assert.match(text, /No such attempt The run has had 2 attempts so far/);
    }
  });
});

describe("The page of a run that failed", () => {
  it("first shows when it last worked and what is different now", async () => {
    const id = "3f9c2a10-0000-4000-8000-00000000000b";
    const detail = detailOf({ status: "failure", reason: "no", kind: "permanent" }, { attempts: [attempt(1)] });
    const app = pagesOf({
      runs: {
        get: async () => detail,
        lastSuccess: async () => ({
          ...{ id, endedAt: NOW - 3_600_000, trigger: "manual", input: { version: "v0" }, outputs: null },
          ...{ code: "aaaaaaaaaaaa", codeNow: "bbbbbbbbbbbb" },
        }),
      },
    });
    const html = await (await app.request("/runs/x")).text();
    assert.match(
      plain(html),
      /Why it failed no It is not retried\. Fix this, then re-run\. Last success: 2026-03-01 11:00:00 UTC\. Since then: the code changed from aaaaaaaaaaaa to bbbbbbbbbbbb, inputs\.version changed from v0 to v1\. Workflow release/,
    );
    assert.ok(html.includes(`<a href="/runs/${id}">`));
  });

  it("shows the frames of the workflow, and folds the others", async () => {
    const stack = [
      "TypeError: <b>no</b>",
      "    at run (deploy.ts:3:1)",
      "    at help (lib/help.ts:9:2)",
      "    at async x (file:///app/gh-runner.js:1:1)",
      "    at node:internal/x:1:2",
      "Caused by Error: low",
      "    at Object.<anonymous> (/srv/node_modules/a/b.js:1:1)",
    ].join("\n");
    const { html } = await pageOf(detailOf({ status: "failure" }, { attempts: [attempt(1, { stack })] }))();
    const [, frames = ""] = /<pre class="stack"[^>]*><code>([\s\S]*?)<\/code>/.exec(html) ?? [];
    assert.deepEqual(frames.split("\n"), [
      "TypeError: &lt;b&gt;no&lt;/b&gt;",
      "    at run (deploy.ts:3:1)",
      "    at help (lib/help.ts:9:2)",
      "Caused by Error: low",
    ]);
    assert.match(
      html,
      /<details class="frames" id="frames-1">\s*<summary>3 more frames, of gh-runner and libraries<\/summary>/,
    );
  });

  it("shows what was sent to GitHub, marks what was rejected, unanswered or held back, and never as HTML", async () => {
    const sent = {
      count: 23,
      requests: [
        { at: NOW, method: "POST", path: "/repos/acme/shop/dispatches", status: 204, body: '{"a":"<script>"}' },
        { at: NOW, method: "PUT", path: "/x", status: 422, identity: "bot" },
        { at: NOW, method: "PATCH", path: "/y" },
        { at: NOW, method: "DELETE", path: "/z", heldBack: true },
      ],
    } as const;
    const { text, html } = await pageOf(detailOf({ status: "failure" }, { attempts: [attempt(1, { sent })] }))();
    assert.match(
      text,
      /Sent to GitHub 23 writes 12:00:00 POST \/repos\/acme\/shop\/dispatches 204 {"a":"&lt;script&gt;"} /,
    );
    assert.match(
      text,
      /PUT \/x 422 as bot 12:00:00 PATCH \/y no answer 12:00:00 DELETE \/z not sent: dry run And 19 more/,
    );
    assert.equal(html.match(/class="bad"/g)?.length, 2);
  });

  it("offers its event and its re-run as commands, with a place for tokens", async () => {
    const release = {
      name: "release",
      on: { http: { path: "/release", body: ANYTHING } },
      run: async () => {},
    } as Workflow;
    const detail = detailOf({ status: "failure", trigger: "http", input: { application: "it's" } });
    const { html } = await pageOf(detail, [], release)();
    assert.match(html, /<pre id="curl-0"[^>]*><code>curl -sS -X POST &#39;http:\/\/localhost\/release&#39;/);
    assert.match(html, /--data-raw &#39;{&quot;application&quot;:&quot;it&#39;\\&#39;&#39;s&quot;}&#39;/);
    assert.match(html, /\/rerun&#39;/);
  });
});
