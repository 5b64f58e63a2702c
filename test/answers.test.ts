import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineWorkflow, type GitHub, type Json } from "gh-runner";
import { type AskedRequest, type StandInGitHub, type TestOptions, testRun } from "gh-runner/testing";
import * as z from "zod";

const ISSUE = "GET /repos/{owner}/{repo}/issues/{issue_number}";
const ISSUES = "GET /repos/{owner}/{repo}/issues";
const COMMENTS = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";
const CONTENTS = "GET /repos/{owner}/{repo}/contents/{path}";
const RUNS = "GET /repos/{owner}/{repo}/actions/runs";

const shop = { owner: "acme", repo: "shop" };

type Work = (context: { readonly github: GitHub }) => Promise<unknown>;

/** A workflow that does this work. */
const asking = (work: Work) =>
  defineWorkflow({
    name: "asking",
    on: { manual: { inputs: z.object({}) } },
    run: async ({ github }) => (await work({ github })) as Json,
  });

async function asked<Routes extends string>(work: Work, options: TestOptions<Routes>): Promise<unknown> {
  const { run } = await testRun(asking(work), { inputs: {} }, options);
  assert.deepEqual([run.status, run.reason], ["success", undefined]);
  return run.outputs;
}

describe("answers of a test", () => {
  it("are asked for each request, with all its parts", async () => {
    const seen: AskedRequest[] = [];
    const outputs = await asked(
      async ({ github }) => {
        const one = await github.request(COMMENTS, { ...shop, issue_number: 7, body: "a" });
        const two = await github.request(COMMENTS, { ...shop, issue_number: 8, body: "b" });
        return [one.status, one.data.id, two.data.id, two.headers["x-test"]];
      },
      {
        answers: {
          [COMMENTS]: (request) => {
            seen.push(request as never);
            const number: number = request.parameters.issue_number;
            return { body: { id: number * 10 + request.count }, headers: { "x-test": request.body.body } };
          },
        },
      },
    );
    assert.deepEqual(outputs, [201, 71, 82, "b"]);
    const [{ headers, ...first } = {} as never] = seen;
    assert.deepEqual(first, {
      method: "POST",
      path: "/repos/acme/shop/issues/7/comments",
      route: COMMENTS,
      parameters: { owner: "acme", repo: "shop", issue_number: 7 },
      query: {},
      body: { body: "a" },
      count: 1,
    });
    assert.equal(headers["content-type"], "application/json; charset=utf-8");
    assert.ok(!JSON.stringify(seen).includes("token-of-the-test-kit"), "no token");
  });

  it("take precedence over the stand-in, which answers if a function returns nothing", async () => {
    const outputs = await asked(
      async ({ github }) => {
        const titles = [];
        for (const issue_number of [1, 2]) {
          titles.push((await github.request(ISSUE, { ...shop, issue_number })).data.title);
        }
        return titles;
      },
      {
        prepare: (github) => {
          for (const number of [1, 2]) github.repository("acme/shop").openIssue({ number, title: `Stored ${number}` });
        },
        answers: {
          [ISSUE]: async ({ parameters }) => (parameters.issue_number === 1 ? { body: { title: "Given" } } : undefined),
        },
      },
    );
    assert.deepEqual(outputs, ["Given", "Stored 2"]);
  });

  it("have pages, with the links between them", async () => {
    const links: unknown[] = [];
    const numbers = await asked(
      async ({ github }) => {
        const found: number[] = [];
        for (let page = 1; ; page++) {
          const answer = await github.request(ISSUES, { ...shop, state: "all", per_page: 2, page });
          links.push(answer.headers.link);
          found.push(...answer.data.map(({ number }) => number));
          if (!answer.headers.link?.includes('rel="next"')) return found;
        }
      },
      { answers: { [ISSUES]: { pages: [[{ number: 1 }, { number: 2 }], [{ number: 3 }]] } } },
    );
    assert.deepEqual(numbers, [1, 2, 3]);
    const at = (link: unknown) => String(link).replace(/<http[^?]*\?([^>]*)>/g, "$1");
    assert.deepEqual(links.map(at), [
      'state=all&per_page=2&page=2; rel="next", state=all&per_page=2&page=2; rel="last"',
      'state=all&per_page=2&page=1; rel="prev", state=all&per_page=2&page=1; rel="first"',
    ]);
  });

  it("cut a list as per_page asks, and wrap it as GitHub does", async () => {
    const all = Array.from({ length: 45 }, (_, at) => ({ id: at + 1 }));
    const counts = await asked(
      async ({ github }) => {
        const counts = [];
        for (const [per_page, page] of [
          [undefined, 2],
          [20, 3],
          [100, 1],
          [100, 2],
        ] as const) {
          const { data } = await github.request(RUNS, { ...shop, ...(per_page && { per_page }), page });
          counts.push([data.total_count, data.workflow_runs.length, data.workflow_runs[0]?.id ?? null]);
        }
        return counts;
      },
      { answers: { [RUNS]: { pages: [all], list: "workflow_runs" } } },
    );
    assert.deepEqual(counts, [
      [45, 15, 31],
      [45, 5, 41],
      [45, 45, 1],
      [45, 0, null],
    ]);
  });

  it("may be bytes, text or nothing", async () => {
    const outputs = await asked(
      async ({ github }) => {
        const text = await github.request(CONTENTS, { ...shop, path: "docs/a.md" });
        const nothing = await github.request("DELETE /repos/{owner}/{repo}/labels/{name}", { ...shop, name: "a/b" });
        return [text.data as unknown, nothing.status];
      },
      {
        answers: {
          [CONTENTS]: ({ parameters }) => ({ body: `# ${parameters.path}`, headers: { "content-type": "text/plain" } }),
          "DELETE /repos/acme/shop/labels/{name}": {},
        },
      },
    );
    assert.deepEqual(outputs, ["# docs/a.md", 204]);
  });

  it("give way to faults, and may be changed while the run waits", async () => {
    const waiting = defineWorkflow({
      name: "waiting",
      on: { manual: { inputs: z.object({}) } },
      async run({ github, sleep }) {
        await sleep("a while", "1h");
        return (await github.request(ISSUE, { ...shop, issue_number: 1 })).data.title;
      },
    });
    const tested = await testRun(waiting, { inputs: {} }, { answers: { [ISSUE]: { body: { title: "before" } } } });
    tested.github.answers({ [ISSUE]: ({ count }) => ({ body: { title: `after ${count}` } }) });
    const fault = tested.github.fault({ route: ISSUE, times: 2 }, { kind: "status", status: 502 });
    const { run } = await tested.advance("1h");
    assert.deepEqual([run.status, run.outputs, fault.met], ["success", "after 1", 2]);
  });

  it("answer GraphQL", async () => {
    const outputs = await asked(
      ({ github }) =>
        github.graphql<object>("query($n: Int!) { viewer { gists(first: $n) { totalCount } } }", { n: 7 }),
      { answers: { "POST /graphql": ({ body }) => ({ data: { a: body.variables.n, is: body.query.slice(0, 5) } }) } },
    );
    assert.deepEqual(outputs, { a: 7, is: "query" });
  });

  it("fail the test when they throw or are not answers", async () => {
    const asks = asking(async ({ github }) => (await github.request(ISSUE, { ...shop, issue_number: 1 })).data.title);
    const wrong = () => {
      throw new Error("oh");
    };
    await assert.rejects(testRun(asks, { inputs: {} }, { answers: { [ISSUE]: wrong } }), {
      message: `The answer to ${ISSUE} failed: oh`,
    });
    const bare = { [ISSUE]: () => ({ title: "Given" }) as never };
    await assert.rejects(
      testRun(asks, { inputs: {} }, { answers: bare }),
      /this has title. What GitHub answers goes into body/,
    );
  });

  it("must be for routes", async () => {
    const reject = (route: string, message: RegExp) =>
      assert.rejects(
        testRun(
          asking(async () => 1),
          { inputs: {} },
          { answers: { [route]: {} } },
        ),
        message,
      );
    await reject("repos.get", /answers has the key "repos.get", which is not a route/);
    await reject("POST/repos/{owner}/{repo}", /not a route/);
    await reject("GET /repos/:owner/:repo", /Write parameters in braces/);
    await reject("GET /repos/{owner}/{repo}/issues?state=all", /no query/);
    await reject("GET /repos/{owner}/{repo}/isues", /does not know "isues"/);
    await reject("GET /repos/acme/shop/isues/7", /does not know "isues"/);
    const label = { "GET /repos/{owner}/{repo}/labels/good first": {} };
    await reject(Object.keys(label)[0]!, /not a route/);
  });

  it("are typed by their routes", () => {
    const check = (_: TestOptions<typeof ISSUE>["answers"]) => {};
    check({ [ISSUE]: { body: { title: "a", labels: [{ name: "bug" }] } } });
    // @ts-expect-error a title is a text
    check({ [ISSUE]: { body: { title: 7 } } });
    // @ts-expect-error the answer's content goes into body
    check({ [ISSUE]: { title: "a" } });
    const run = (github: Pick<StandInGitHub, "answers">) => {
      github.answers({ [RUNS]: { pages: [[{ id: 1 }]], list: "workflow_runs" } });
      github.answers({ [ISSUE]: ({ parameters }) => ({ body: { number: parameters.issue_number } }) });
      // @ts-expect-error the list has another name
      github.answers({ [RUNS]: { pages: [[{ id: 1 }]], list: "runs" } });
      // @ts-expect-error the path has no such parameter
      github.answers({ [ISSUE]: ({ parameters }) => ({ body: { number: parameters.number } }) });
      // @ts-expect-error not a method and a path
      github.answers({ "repos.get": {} });
    };
    assert.ok(run);
  });
});
