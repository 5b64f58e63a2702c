import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { restRoutes } from "../scripts/rest-routes.ts";
import { paginating } from "../src/github/octokit-names/paginate.ts";
import type { Table } from "../src/github/octokit-names/rest.ts";
import { PermanentFailure } from "../src/model/failure.ts";
import type { AnyRequest, FollowCall, Rest } from "../src/model/rest.ts";
import { type Received, type Scripted, scriptedGitHub } from "./support/scripted-github.ts";

const repo = { owner: "acme", repo: "shop" };

/** GitHub by Octokit's names, in front of a GitHub that gives the test's answers. */
async function octokit(t: TestContext, answer: (request: Received) => Scripted, base = "") {
  const { requests, apiUrl, ...client } = await scriptedGitHub(t, answer, { base });
  const calls: string[] = [];
  const call: FollowCall = (what, work) => {
    calls.push(what);
    return work();
  };
  const names = client.octokitNames(client.github.request as AnyRequest, call);
  return { requests, calls, apiUrl, ...names };
}

/** A list of `count` items, 100 per page, as GitHub sends it. */
function pages(count: number, { wrap = (items: unknown[]): unknown => items, path = "/repositories/7/items" } = {}) {
  return ({ query, headers }: Received): Scripted => {
    const [page, each] = [Number(query.get("page") ?? 1), Number(query.get("per_page") ?? 30)];
    const items = Array.from({ length: count }, (_, at) => ({ id: at + 1 })).slice((page - 1) * each, page * each);
    const to = (number: number) => `http://${headers.host}${path}?per_page=${each}&page=${number}`;
    const next =
      page * each < count ? `<${to(page + 1)}>; rel="next", <${to(Math.ceil(count / each))}>; rel="last"` : "";
    return { json: wrap(items), headers: { link: page > 1 ? `<${to(page - 1)}>; rel="prev", ${next}` : next } };
  };
}

const failure = async (work: () => Promise<unknown>): Promise<PermanentFailure> => {
  const error = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof PermanentFailure, String(error));
  return error;
};

describe("Octokit's names", () => {
  it("have the routes of its table as types (npm run docs writes them again)", () => {
    const written = readFileSync(new URL("../src/model/rest-routes.ts", import.meta.url), "utf8");
    assert.equal(written, restRoutes());
  });

  it("send the request of their route", async (t) => {
    const { rest, requests, calls } = await octokit(t, () => ({ json: [{ name: "bug" }] }));
    const { data, status } = await rest.issues.addLabels({ ...repo, issue_number: 7, labels: ["bug"] });
    assert.deepEqual([status, data[0]?.name], [200, "bug"]);
    assert.deepEqual(
      requests.map(({ method, path, body }) => [method, path, body]),
      [["POST", "/repos/acme/shop/issues/7/labels", '{"labels":["bug"]}']],
    );
    assert.deepEqual(calls, ["rest.issues.addLabels"]);
  });

  it("take the options of request", async (t) => {
    const { rest, requests } = await octokit(t, () => ({ status: 404, json: { message: "Not Found" } }));
    const { status } = await rest.issues.get({ ...repo, issue_number: 7 }, { allow: [404] });
    assert.equal(status, 404);
    await assert.rejects(rest.issues.get({ ...repo, issue_number: 7 }), /GitHub answered 404/);
    assert.equal(requests.length, 2);
  });

  it("send what Octokit sends if its names and GitHub's differ", async (t) => {
    const { rest, requests } = await octokit(t, () => ({ json: {} }));
    await rest.repos.addStatusCheckContexts({ ...repo, branch: "main", contexts: ["ci"] });
    await rest.codeScanning.getAlert({ ...repo, alert_id: 3 } as never);
    assert.deepEqual(
      requests.map(({ path, body }) => [path, body]),
      [
        ["/repos/acme/shop/branches/main/protection/required_status_checks/contexts", '["ci"]'],
        ["/repos/acme/shop/code-scanning/alerts/3", ""],
      ],
    );
  });

  it("suggest the right name for an unknown one", async (t) => {
    const { rest, requests } = await octokit(t, () => ({ json: {} }));
    const any = rest as unknown as Record<string, Record<string, () => Promise<unknown>>>;
    const meant = async (scope: string, name: string) =>
      (await failure(() => any[scope]?.[name]?.() ?? Promise.resolve())).message;
    assert.match(await meant("issues", "addLabel"), /Did you mean github\.rest\.issues\.addLabels\?/);
    assert.match(await meant("issue", "addLabels"), /Did you mean github\.rest\.issues\.addLabels\?/);
    assert.match(await meant("issues", "createReview"), /Did you mean github\.rest\.pulls\.createReview\?/);
    assert.match(await meant("constructor", "name"), /Octokit has no such name\. Write the route/);
    assert.match(await meant("repos", "uploadReleaseAsset"), /goes to https:\/\/uploads\.github\.com/);
    assert.deepEqual(requests, []);
  });

  it("are not promises, and can be inspected", async (t) => {
    const { rest } = await octokit(t, () => ({ json: {} }));
    assert.equal((await (rest as Rest & PromiseLike<Rest>)) === rest, true);
    assert.equal(JSON.stringify(rest), "{}");
    assert.equal(typeof `${Object.prototype.toString.call(rest.issues)}`, "string");
  });
});

describe("paginate", () => {
  it("returns the items of all pages, 100 per page, for any form of the repository in the link", async (t) => {
    const { paginate, requests } = await octokit(t, pages(250));
    const items = await paginate("GET /repos/{owner}/{repo}/labels", { ...repo });
    assert.deepEqual(
      items.map(({ id }) => id),
      Array.from({ length: 250 }, (_, at) => at + 1),
    );
    assert.deepEqual(
      requests.map(({ path, query }) => `${path}?${query}`),
      [
        "/repos/acme/shop/labels?per_page=100",
        "/repositories/7/items?per_page=100&page=2",
        "/repositories/7/items?per_page=100&page=3",
      ],
    );
  });

  it("accepts a function of rest, and unwraps its list", async (t) => {
    const wrap = (items: unknown[]) => ({ total_count: 3, workflow_runs: items });
    const { rest, paginate, requests, calls } = await octokit(t, pages(3, { wrap }));
    const runs = await paginate(rest.actions.listWorkflowRunsForRepo, { ...repo, per_page: 2, status: "failure" });
    assert.deepEqual(
      runs.map(({ id }) => id),
      [1, 2, 3],
    );
    assert.equal(
      `${requests[0]?.path}?${requests[0]?.query}`,
      "/repos/acme/shop/actions/runs?per_page=2&status=failure",
    );
    assert.deepEqual(calls, ["paginate actions.listWorkflowRunsForRepo"]);
  });

  it("keeps what map returns, up to the page on which it is done", async (t) => {
    const { paginate, requests } = await octokit(t, pages(1000));
    const ids = await paginate("GET /repos/{owner}/{repo}/issues", { ...repo, per_page: 10 }, ({ data }, done) => {
      if (data.some(({ id }) => id === 15)) done();
      return data.map(({ id }) => id);
    });
    assert.equal(ids.length, 20);
    assert.equal(requests.length, 2);
  });

  it("reads page by page, and only as far as the loop", async (t) => {
    const { paginate, requests } = await octokit(t, pages(1000));
    const seen: number[] = [];
    for await (const { data, status } of paginate.iterator("GET /repos/{owner}/{repo}/issues", { ...repo })) {
      seen.push(status, data.length);
      if (seen.length === 4) break;
    }
    assert.deepEqual(seen, [200, 100, 200, 100]);
    assert.equal(requests.length, 2);
  });

  it("requests only the page again whose answer was lost", async (t) => {
    let lost = 2;
    const list = pages(500);
    const { paginate, requests } = await octokit(t, (request) =>
      request.query.get("page") === "4" && lost-- > 0 ? "reset" : list(request),
    );
    assert.equal((await paginate("GET /repos/{owner}/{repo}/labels", { ...repo })).length, 500);
    assert.deepEqual(
      requests.map(({ query }) => query.get("page")),
      [null, "2", "3", "4", "4", "4", "5"],
    );
  });

  it("passes on a limit of GitHub, so that the run waits", async (t) => {
    const list = pages(500);
    const message = "You have exceeded a secondary rate limit";
    const { paginate, requests } = await octokit(t, (request) =>
      request.query.get("page") === "2"
        ? { status: 429, headers: { "retry-after": "120" }, json: { message } }
        : list(request),
    );
    const limited = paginate("GET /repos/{owner}/{repo}/labels", { ...repo });
    await assert.rejects(limited, { name: "LimitReached", kind: "limit" });
    assert.equal(requests.length, 2);
  });

  it("works below the path of GitHub Enterprise Server", async (t) => {
    const { paginate, requests } = await octokit(t, pages(150, { path: "/api/v3/repositories/7/items" }), "/api/v3");
    assert.equal((await paginate("GET /repos/{owner}/{repo}/labels", { ...repo })).length, 150);
    assert.deepEqual(
      requests.map(({ path }) => path),
      ["/api/v3/repos/acme/shop/labels", "/api/v3/repositories/7/items"],
    );
  });

  it("sends the same headers for each page, and the query of the link", async (t) => {
    const { paginate, requests } = await octokit(t, ({ query, headers: { host } }) => ({
      json: { total_count: 2, items: [{ id: 1 }] },
      headers: {
        link: query.has("page") ? "" : `<http://${host}/search/issues?q=is:open+label:%7Bx%7D&page=2>; rel=next`,
      },
    }));
    const headers = { accept: "application/vnd.github.text-match+json" };
    const found = await paginate("GET /search/issues", { q: "is:open label:{x}", headers });
    assert.equal(found.length, 2);
    assert.deepEqual(
      requests.map(({ query }) => query.get("q")),
      ["is:open label:{x}", "is:open label:{x}"],
    );
    assert.deepEqual(
      requests.map(({ headers: { accept } }) => accept),
      [headers.accept, headers.accept],
    );
  });

  for (const [what, link] of [
    ["to another host", '<https://evil.example/repositories/7/items?page=2>; rel="next"'],
    ["out of the API", '<HOST/login?page=2>; rel="next"'],
    ["nowhere", '<http://:0>; rel="next"'],
    ["to the same page", '<HOST/api/v3/items?page=2>; rel="next"'],
  ] as const) {
    it(`does not follow a link ${what}`, async (t) => {
      const { paginate, requests } = await octokit(
        t,
        ({ headers: { host } }) => ({ json: [], headers: { link: link.replace("HOST", `http://${host}`) } }),
        "/api/v3",
      );
      const { message } = await failure(() => paginate("GET /repos/{owner}/{repo}/labels", { ...repo }));
      assert.match(message, /the link to the next page points to .*Set GITHUB_API_URL/);
      assert.ok(requests.length <= 2);
    });
  }

  it("fails without a list, and says what to do", async (t) => {
    const { paginate, rest } = await octokit(t, ({ path }) => ({
      json: path.includes("compare") ? { commits: [], files: [] } : { id: 1, url: "https://x.test", topics: ["a"] },
    }));
    const loose = paginate as unknown as (from: unknown, parameters: object) => Promise<unknown>;
    const about = async (from: unknown) => (await failure(() => loose(from, { ...repo }))).message;
    assert.match(await about("GET /repos/{owner}/{repo}"), /the answer is not a list\. Use github\.request/);
    assert.match(await about("GET /repos/{owner}/{repo}/compare/a...b"), /several lists/);
    assert.match(await about(rest.issues.create), /only a GET has pages/);
    assert.match(await about("POST /repos/{owner}/{repo}/issues"), /only a GET has pages/);
    assert.match(await about(undefined), /undefined is not a route and not a function of github\.rest/);
  });

  it("returns nothing for the list of an empty repository, which GitHub answers with 204", async (t) => {
    const { paginate } = await octokit(t, () => ({ status: 204 }));
    assert.deepEqual(await paginate("GET /repos/{owner}/{repo}/contributors", { ...repo }), []);
  });

  it("fails before the memory is full, and reads any number of pages if little of each is kept", async () => {
    let page = 0;
    const request: AnyRequest = async () => ({
      status: 200,
      headers: { link: `<https://github.test/issues?page=${++page}>; rel="next"` },
      data: [{ id: page, body: "x".repeat(640) }, { id: page }],
    });
    const paginate = paginating({} as Table, request, (_, work) => work(), "https://github.test", 1000);
    const { message } = await failure(() => paginate("GET /issues", {}));
    assert.match(message, /too large for the service's memory: 1\d\d items were read.*paginate\.iterator/);
    page = 0;
    const kept = await paginate("GET /issues", {}, ({ data }, done) => {
      if (page === 200) done();
      return data.map(({ id }) => id);
    });
    assert.equal(kept.length, 400);
  });
});
