import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type FollowedRun, type Json, PermanentFailure, TransientFailure } from "../src/index.ts";
import { endingOf } from "../src/model/workflow.ts";
import { type Preview, REPORTS, type Report } from "../src/workflows/preview-input.ts";
import { previewTests } from "../src/workflows/preview-tests.ts";
import { keyOf } from "../src/workflows/report.ts";

const SHA = "5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e";
const KEY = "0198c0de-0000-7000-8000-000000000001";
const ACTIONS = "https://github.com/acme/shop/actions/runs/4711";
const PULL = {
  number: 7,
  html_url: "https://github.com/acme/shop/pull/7",
  title: "Faster",
  state: "open",
  head: { sha: SHA },
};

const preview = (more: Partial<Preview> = {}): Preview => ({
  workflow: "environment-ready",
  application: "pr-7",
  commit: SHA,
  sha: SHA,
  repository: "acme/shop",
  tests: { repository: "acme/shop", event: "repository_dispatch", key: KEY, since: "2026-11-24T03:00:00Z" },
  event: { type: "environment_ready", payload: { commitHash: SHA, sourceName: "pr-7" } },
  values: { repository: "acme/deployment", path: "values.yaml" },
  dispatchedBy: "run-0",
  followedBy: "preview-tests",
  follow: ["status", "comment"],
  context: "gh-runner/preview",
  timeout: "6h",
  nothingAfter: "3m",
  ...more,
});

const ended = (conclusion: string, more: Partial<FollowedRun> = {}): FollowedRun => ({
  ...{ id: 4711, htmlUrl: ACTIONS, conclusion, attempt: 1, createdAt: "2026-11-24T03:00:00Z" },
  ...{ startedAt: "2026-11-24T03:00:10Z", endedAt: "2026-11-24T03:04:22Z" },
  jobs: [
    { name: "lint", conclusion: "success", htmlUrl: `${ACTIONS}/job/1` },
    { name: "unit", conclusion: conclusion === "failure" ? "failure" : conclusion, htmlUrl: `${ACTIONS}/job/2` },
  ],
  ...more,
});

const FORBIDDEN = new PermanentFailure({ tried: "reporting", happened: "GitHub answered 403", remedy: "Allow it." });
const BROKEN = new TransientFailure({ tried: "reporting", happened: "GitHub answered 502", remedy: "Wait." });

// biome-ignore lint/suspicious/noExplicitAny: tests look into it freely
type Given = any;

type Script = {
  readonly input?: Preview;
  readonly pulls?: readonly object[];
  readonly find?: () => Promise<unknown>;
  readonly follow?: () => Promise<FollowedRun>;
  readonly runAttempt?: number;
  readonly attempt?: number;
  readonly steps?: Record<string, unknown>;
  readonly isClosed?: boolean;
  readonly fails?: Partial<Record<Report | "pulls", Error>>;
};

const found = (foundBy = "key") => ({ repository: "acme/shop", runId: 4711, htmlUrl: ACTIONS, foundBy, createdAt: "" });
const never = () => new Promise<never>(() => {});

/** A context whose GitHub follows the script, and records of its use. */
function scripted(script: Script) {
  const { fails = {}, steps = {} } = script;
  const done: (readonly [what: string, given: Given])[] = [];
  const log: string[] = [];
  const note =
    (what: string) =>
    async (given: unknown, ...more: unknown[]) => {
      const failure = fails[what as Report];
      if (failure) throw failure;
      done.push([what, (typeof given === "string" ? { given, more } : given) as Given]);
    };
  const say = (message: string) => void log.push(message);
  const context = {
    trigger: "call",
    inputs: script.input ?? preview(),
    runId: "run-1",
    attempt: script.attempt ?? 1,
    hasOwnToken: false,
    isRerun: script.runAttempt !== undefined,
    log: { debug: say, info: say, warn: say, error: say },
    step: async (name: string, work: () => Promise<unknown>) => {
      if (!(name in steps)) steps[name] = await work();
      return steps[name];
    },
    waitUntil: script.isClosed ? async () => true : never,
    runs: {
      start: async (workflow: string, inputs: Json) => note("start")({ workflow, inputs }),
      open: async () => undefined,
      newest: async () => undefined,
    },
    github: {
      ...Object.fromEntries([...REPORTS, "cancelRun"].map((each) => [each, note(each)])),
      findRun: script.find ?? (async () => found()),
      follow: script.follow ?? (async () => ended("success")),
      async dispatch(...given: unknown[]) {
        await note("dispatch")({ given });
        return preview().tests;
      },
      async request(route: string) {
        if (/pulls$/.test(route)) {
          if (fails.pulls) throw fails.pulls;
          return { status: 200, data: script.pulls ?? [PULL] };
        }
        if (/actions\/runs/.test(route)) return { status: 200, data: { run_attempt: script.runAttempt ?? 1 } };
        return assert.fail(route);
      },
    },
  };
  const of = (what: string): Given[] => done.flatMap(([each, given]) => (each === what ? [given] : []));
  const run = async (options = {}) => {
    try {
      return { outputs: await previewTests(options).run(context as never) };
    } catch (error) {
      return { error: error as PermanentFailure };
    }
  };
  return { context, run, of, log, steps, states: () => of("status").map(({ state }) => state) };
}

describe("the tests of a preview", () => {
  for (const [conclusion, state, description] of [
    ["success", "success", "The tests passed in 4 min 12 s."],
    ["failure", "failure", "The tests failed after 4 min 12 s: unit."],
    ["startup_failure", "failure", "The workflow of the tests could not start."],
    ["cancelled", "error", "The tests were cancelled after 4 min 12 s."],
    ["timed_out", "error", "The tests timed out after 4 min 12 s."],
    ["skipped", "success", "The tests were skipped."],
    ["action_required", "error", "The tests ended with action required after 4 min 12 s."],
  ] as const) {
    it(`that end with ${conclusion} are shown as ${state} on the commit, with a link`, async () => {
      const { run, of, states } = scripted({ follow: async () => ended(conclusion) });
      const { outputs, error } = await run();
      assert.deepEqual(states(), ["pending", "pending", state]);
      assert.deepEqual(of("status").at(-1), {
        ...{ repository: "acme/shop", sha: SHA, context: "gh-runner/preview" },
        ...{ state, description, targetUrl: ACTIONS },
      });
      assert.equal(error === undefined, state === "success");
      if (!error) assert.deepEqual(outputs, { application: "pr-7", commit: SHA, conclusion, actionsRun: ACTIONS });
    });
  }

  it("that fail are described in one sentence, with the failed jobs and their links", async () => {
    const { error } = await scripted({ follow: async () => ended("failure") }).run();
    assert.match(
      String(error?.message),
      new RegExp(`^The tests of pr-7 at 5b7c9e1 failed: unit \\(${ACTIONS}/job/2\\)\\. `),
    );
    // If GitHub's webhook does not reach a run, it cannot learn about a re-run.
    assert.match(String(error?.message), /Without GitHub's webhook, also re-run this run from the failure\.$/);
    const other = await scripted({ follow: async () => ended("timed_out") }).run();
    assert.match(
      String(other.error?.message),
      new RegExp(`^The tests of pr-7 at 5b7c9e1 failed: timed out \\(${ACTIONS}\\)`),
    );
  });

  it("are shown with a link to this run until the Actions run is found", async () => {
    const { run, of } = scripted({ find: never });
    void run({ publicUrl: "https://ci.example" });
    await new Promise(setImmediate);
    assert.deepEqual(
      of("status").map(({ targetUrl }) => targetUrl),
      ["https://ci.example/runs/run-1"],
    );
  });

  it("have one comment with one key, which shows what, how long and where", async () => {
    const { run, of } = scripted({
      follow: async () => ended("failure"),
      input: preview({ environmentUrl: "https://{application}.example" }),
    });
    await run({ publicUrl: "https://ci.example", argocdUrl: "https://argocd.example" });
    const comments = of("comment");
    assert.deepEqual(
      comments.map(({ number, key }) => [number, key]),
      [
        [7, "gh-runner/preview/pr-7"],
        [7, "gh-runner/preview/pr-7"],
        [7, "gh-runner/preview/pr-7"],
      ],
    );
    assert.equal(
      comments.at(-1)?.body,
      [
        "### ❌ Tests of <code>pr-7</code>: failure",
        "",
        "- Commit: <code>5b7c9e1</code>",
        "- Result: The tests failed after 4 min 12 s&#58; unit.",
        `- Failed: [<code>unit</code>](${ACTIONS}/job/2)`,
        "- Time: 4 min 12 s",
        `- Pages: [<code>Actions run</code>](${ACTIONS}) · [<code>gh-runner</code>](https://ci.example/runs/run-1) · ` +
          "[<code>ArgoCD</code>](https://argocd.example/applications/pr-7) · [<code>environment</code>](https://pr-7.example/)",
      ].join("\n"),
    );
  });

  it("have a check with its conclusion, and a deployment with its state", async () => {
    for (const [conclusion, checked, deployed] of [
      ["success", "success", "success"],
      ["timed_out", "timed_out", "error"],
      ["stale", "failure", "error"],
    ]) {
      const { run, of } = scripted({
        input: preview({ follow: ["check", "deployment"], environmentUrl: "https://{application}.example" }),
        follow: async () => ended(String(conclusion)),
      });
      await run();
      assert.deepEqual(
        of("check").map(({ status, conclusion }) => [status, conclusion]),
        [
          ["queued", undefined],
          ["in_progress", undefined],
          ["completed", checked],
        ],
      );
      assert.deepEqual(
        of("deployment").map(({ state }) => state),
        ["in_progress", "in_progress", deployed],
      );
      assert.deepEqual(of("deployment").at(-1)?.environmentUrl, "https://pr-7.example");
    }
  });

  it("are reported elsewhere when one report is not allowed, and the reason names the missing one", async () => {
    const { run, states, log } = scripted({ follow: async () => ended("failure"), fails: { comment: FORBIDDEN } });
    const { error } = await run();
    assert.deepEqual(states(), ["pending", "pending", "failure"]);
    assert.match(String(error?.message), /Not reported: comment: Reporting failed: GitHub answered 403/);
    assert.ok(log.some((line) => /not reported as comment: Reporting failed/.test(line)));
    const passed = await scripted({ fails: { comment: FORBIDDEN } }).run();
    assert.match(JSON.stringify(passed.outputs), /"notReported":\["comment: Reporting failed/);
  });

  it("are followed when pull requests cannot be read", async () => {
    const { run, states, of } = scripted({ fails: { pulls: FORBIDDEN } });
    await run();
    assert.deepEqual([states(), of("comment")], [["pending", "pending", "success"], []]);
  });

  it("are reported everywhere else before a passing fault is thrown", async () => {
    const { run, of } = scripted({ fails: { status: BROKEN } });
    assert.equal((await run()).error, BROKEN);
    assert.equal(of("comment").length, 1);
  });

  it("of a merged commit get no comment, and its pull request does not end them", async () => {
    const { run, of } = scripted({ pulls: [{ ...PULL, state: "closed" }], isClosed: true });
    const { outputs } = await run();
    assert.equal((outputs as { conclusion: string }).conclusion, "success");
    assert.equal(of("comment").length, 0);
  });

  it("are assigned to the open pull request whose head is the commit", async () => {
    const other = { ...PULL, head: { sha: "0".repeat(40) } };
    const { run, steps } = scripted({
      pulls: [
        { ...other, number: 9 },
        { ...PULL, number: 3 },
        { ...PULL, number: 12, state: "closed" },
      ],
    });
    await run();
    assert.equal((steps["pull request"] as { number: number }).number, 3);
    const byName = scripted({
      pulls: [
        { ...other, number: 9 },
        { ...other, number: 7 },
        { ...other, number: 8 },
      ],
    });
    await byName.run();
    assert.equal((byName.steps["pull request"] as { number: number }).number, 7);
  });

  it("whose pull request is closed are cancelled, and the run ends as skipped", async () => {
    const { run, of } = scripted({ isClosed: true, follow: never });
    const { outputs } = await run();
    assert.equal(endingOf(outputs)?.reason, "Pull request #7 was closed before the tests ended.");
    const [started] = of("start") as {
      workflow: string;
      inputs: { cancel: { word: string; pull: { number: number } } };
    }[];
    assert.deepEqual(
      [started?.workflow, started?.inputs.cancel.word, started?.inputs.cancel.pull.number],
      ["preview-tests", "closed", 7],
    );
  });

  it("that a person re-runs at GitHub are pending again, and end with the new result", async () => {
    const steps = { "pull request": null, pending: [], running: [], "result failure": [] };
    const { run, states } = scripted({
      steps,
      runAttempt: 2,
      attempt: 5,
      follow: async () => ended("success", { attempt: 2 }),
    });
    assert.equal((await run()).error, undefined);
    assert.deepEqual(states(), ["pending", "success"]);
    assert.deepEqual(Object.keys(steps).slice(-2), ["running, attempt 2", "result success, attempt 2"]);
  });
});

describe("tests that never start", () => {
  const nothing = (sendAgain: boolean) =>
    new PermanentFailure({
      tried: "finding the run",
      happened: "no workflow listens to environment_ready",
      remedy: "Add one.",
      about: "no run",
      ...(sendAgain && { sendAgain }),
    });

  it("are an error on the commit with the reason, and the run fails with the same error", async () => {
    const failure = nothing(false);
    const { run, of } = scripted({ find: () => Promise.reject(failure) });
    assert.equal((await run()).error, failure);
    assert.deepEqual(
      [of("status").at(-1)?.state, of("status").at(-1)?.description],
      ["error", "No tests started: no workflow listens to environment_ready."],
    );
    assert.equal(of("dispatch").length, 0);
  });

  it("are started again if that can help, with the same key", async () => {
    let looked = 0;
    const { run, of, states } = scripted({
      find: async () => (looked++ === 0 ? Promise.reject(nothing(true)) : found()),
    });
    assert.equal((await run()).error, undefined);
    const { event } = preview();
    assert.deepEqual(of("dispatch"), [
      { given: ["acme/shop", event?.type, event?.payload, { once: "dispatch again", key: KEY }] },
    ]);
    assert.deepEqual(states(), ["pending", "pending", "success"]);
  });
});

it("never lets a name change the markup of a comment", async () => {
  const evil = "pr-1\n# `x` *b* [a](http://e) <img src=x> @acme/team #7 &amp; | \\ ](x) ‮ ``` ~~~ $(id)";
  const job = { name: `${evil}]`, conclusion: "failure", htmlUrl: "javascript:alert(1)" };
  const second = { name: "unit", conclusion: "failure", htmlUrl: "https://e.example/a)b](c) <d>" };
  const { run, of } = scripted({
    input: preview({ application: evil }),
    follow: async () => ended("failure", { jobs: [job, second] }),
  });
  await run();
  const body = String(of("comment").at(-1)?.body);
  const names = body.replaceAll(/&#\d+;/g, "_");
  assert.doesNotMatch(names, /javascript|[`*|\\@]|<(?!\/?code>)|\]\((?!https:\/\/)/);
  assert.ok(names.includes("](https://e.example/a%29b%5D%28c%29%20%3Cd%3E)"), names);
  assert.equal(body.split("\n").length, 7);
});

it("has another key for every application, with only the characters that a key may have", () => {
  const texts = ["pr-1", "pr_1", "pr 1", "pr%1", "pr_5f_1", "ä", "x".repeat(253), `${"x".repeat(252)}y`, "a/b"];
  const keys = texts.map(keyOf);
  assert.equal(new Set(keys).size, texts.length);
  for (const key of keys) assert.match(key, /^[\w./-]{1,100}$/);
});
