import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineWorkflow, type Workflow } from "gh-runner";
import { testRun } from "gh-runner/testing";
import * as z from "zod";
import { marked } from "../src/dashboard/marked.ts";
import { titleOf } from "../src/model/title.ts";
import { autoMerge, labeler, pullRequestTitle } from "../src/workflows/index.ts";
import { fieldProblems } from "../src/workflows/load/field-problems.ts";
import { send, startService } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const SECRET = "s3cret-value-0123456789";

/** The service with one workflow whose title is this expression of `body`. */
const start = (t: Parameters<typeof startService>[0], title: string) =>
  startService(t, {
    settings: {
      CHAT_TOKEN: SECRET,
      WORKFLOWS_DIR: workflowsFolder(t, {
        "named.ts": httpWorkflow(
          "named",
          "return {};",
          `env: ["CHAT_TOKEN"], concurrency: ({ body }) => "group-" + body.n, title: ${title},`,
        ),
      }),
    },
  });

async function runOf(url: string, n: number) {
  const headers = { "content-type": "application/json" };
  const answer = await send(url, { method: "POST", path: "/named", body: JSON.stringify({ n }), headers });
  return (await send(url, { path: `/api/runs/${answer.headers["x-run-id"]}` })).json;
}

/** The name of each row of the list, and the text below it. */
async function rowsOf(url: string, path = "/"): Promise<(readonly [name: string, below: string])[]> {
  const { text } = await send(url, { path });
  const words = (part = "") => part.replace(/<[^>]+>/g, "").trim();
  return [...text.matchAll(/<a class="name"[^>]*>(.*?)<\/a>\s*<p class="sub">(.*?)<\/p>/gs)].map(
    ([, name, sub]) => [words(name), words(sub)] as const,
  );
}

describe("a run's title", () => {
  it("is made from the event by its workflow: in the API, on the pages, and in the log", async (t) => {
    const { url, log } = await start(t, '({ body, trigger }) => "Release " + body.n + "\\n by " + trigger');
    const run = await runOf(url, 7);
    assert.deepEqual([run.title, run.group], ["Release 7 by http", "group-7"]);
    assert.deepEqual(await rowsOf(url), [["Release 7 by http", "named · group-7"]]);
    assert.match((await send(url, { path: `/runs/${run.id}` })).text, /<title>Release 7 by http: Success · /);
    const record = log().find(({ msg }) => msg === "run succeeded");
    assert.equal(record?.title, "Release 7 by http");
  });

  it("may be one text for all runs of a workflow", async (t) => {
    const { url } = await start(t, '"Nightly build"');
    assert.equal((await runOf(url, 1)).title, "Nightly build");
  });

  for (const [what, title, words] of [
    ["throws", '() => { throw new Error("no such field"); }', "no such field"],
    ["fails later", 'async () => { throw new Error("later"); }', "a promise instead of text"],
    ["gives no text", "({ body }) => body.n", "a value of type number instead of text"],
  ] as const) {
    it(`is missing, and the run is accepted, when its function ${what}`, async (t) => {
      const { url, log } = await start(t, title);
      const run = await runOf(url, 3);
      assert.deepEqual([run.status, run.title], ["success", undefined]);
      assert.deepEqual(await rowsOf(url), [["group-3", "named"]]);
      const [record, ...more] = log().filter(({ msg }) =>
        String(msg).startsWith("the title of a run could not be computed"),
      );
      assert.equal(more.length, 0);
      assert.equal(record?.workflow, "named");
      assert.ok(JSON.stringify(record?.err).includes(words), JSON.stringify(record));
    });
  }

  it("is missing if the function returns nothing", async (t) => {
    const { url, log } = await start(t, "({ body }) => (body.n > 1 ? '' : undefined)");
    assert.deepEqual([(await runOf(url, 1)).title, (await runOf(url, 2)).title], [undefined, undefined]);
    assert.ok(log().every(({ msg }) => !String(msg).includes("title")));
  });

  it("keeps 200 characters, and no token at any cut", async (t) => {
    for (const offset of [-30, -12, -1, 0, 5]) {
      const { url, app } = await start(t, `() => "x".repeat(${199 + offset}) + "${SECRET}" + "y".repeat(300)`);
      const { title } = await runOf(url, 1);
      assert.ok(title.length <= 200 && title.length > 150, String(title.length));
      for (let at = 0; at + 8 <= SECRET.length; at++) assert.ok(!title.includes(SECRET.slice(at, at + 8)), title);
      await app.close();
    }
  });

  it("stays text on the page, for any content", async (t) => {
    const { url } = await start(t, '() => "<img src=x onerror=alert(1)> \\u202e &amp;"');
    await runOf(url, 1);
    const { text } = await send(url, { path: "/" });
    assert.ok(!text.includes("<img"));
    assert.ok(text.includes("&lt;img src=x onerror=alert(1)&gt; \\u202e &amp;amp;"));
  });

  it("also exists in a test, and for a run that another one starts", async () => {
    const inputs = z.object({ n: z.number() });
    const callee = defineWorkflow({
      name: "callee",
      on: { call: { inputs } },
      title: ({ inputs }) => `Called with ${inputs.n}`,
      async run() {},
    });
    const caller = defineWorkflow({
      name: "caller",
      on: { manual: { inputs } },
      title: ({ inputs }) => `Called by hand with ${inputs.n}`,
      async run({ runs, inputs }) {
        return { started: await runs.start("callee", { n: inputs.n + 1 }) };
      },
    });
    const { run, started } = await testRun(caller, { inputs: { n: 1 } }, { others: [callee] });
    assert.deepEqual([run.status, run.title], ["success", "Called by hand with 1"]);
    assert.equal(started[0]?.title, "Called with 2");
  });

  it("is reported as wrong if it is not a text or a function", () => {
    const workflow = { name: "x", on: { call: true }, run: async () => {}, title: 7 };
    assert.deepEqual(
      fieldProblems(workflow, () => undefined),
      ["title: expected text or a function, got 7"],
    );
  });
});

describe("the searched text", () => {
  const text = (given: string, words: readonly string[]) =>
    [marked(given, words)]
      .flat()
      .map((part) => (typeof part === "string" ? part : `[${String(part).replace(/<\/?mark>/g, "")}]`))
      .join("");

  it("is marked in any case, the longer word first, and is never a pattern", () => {
    assert.equal(text("Preview PR-12 of pr-1", ["pr-1", "pr-12"]), "Preview [PR-12] of [pr-1]");
    assert.equal(text("a.b (c) [d]", [".", "(c)"]), "a[.]b [(c)] [d]");
    assert.equal(text("nothing", []), "nothing");
    assert.equal(text("nothing", [""]), "nothing");
  });
});

describe("the title of a ready-made workflow", () => {
  const opened = {
    name: "pull_request",
    delivery: "1",
    payload: { pull_request: { number: 7, title: "feat: a cart" } },
  };
  const grouped = { name: "merge_group", delivery: "2", payload: { merge_group: { head_sha: "abc" } } };
  const log = { warn: (...facts: unknown[]) => assert.fail(JSON.stringify(facts)) };
  const all: readonly Workflow[] = [labeler(), pullRequestTitle(), autoMerge()];

  it("is the number and the title of the pull request, and missing without one", () => {
    for (const workflow of all) {
      const title = (input: unknown, trigger: "github" | "manual" = "github") =>
        titleOf(workflow, { trigger, input }, log);
      assert.equal(title(opened), "#7 feat: a cart", workflow.name);
      if (workflow.on.manual) assert.equal(title({}, "manual"), undefined, workflow.name);
      if (workflow.name === "pull-request-title") assert.equal(title(grouped), undefined);
    }
  });
});
