import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { isFailure } from "../src/model/failure.ts";
import type { StartedRun } from "../src/model/github.ts";
import type { UnsentWrite } from "../src/model/network.ts";
import { keysIn } from "../src/model/run-names.ts";
import { openedGitHub } from "./support/opened-github.ts";
import { clientOf, type Received, type Scripted, scriptedGitHub } from "./support/scripted-github.ts";

const REPOSITORY = "acme/shop";
const KEY = "0199c3f0-aaaa-7bbb-8ccc-1234567890ab";
const SINCE = "2026-03-01T12:00:00.000Z";

let lastId = 100;

/** A run as GitHub lists it. */
function listed(title: string, more: Record<string, unknown> = {}) {
  const id = ++lastId;
  return {
    id,
    display_title: title,
    event: "repository_dispatch",
    status: "queued",
    conclusion: null,
    html_url: `https://github.com/${REPOSITORY}/actions/runs/${id}`,
    run_attempt: 1,
    created_at: "2026-03-01T12:00:01Z",
    run_started_at: "2026-03-01T12:00:02Z",
    updated_at: "2026-03-01T12:00:09Z",
    repository: { full_name: REPOSITORY, description: "x".repeat(5000) },
    ...more,
  };
}

const listOf = (...runs: object[]) => ({ json: { total_count: runs.length, workflow_runs: runs } });
const DATE = { date: "Sun, 01 Mar 2026 12:00:07 GMT" };
const started: StartedRun = { repository: REPOSITORY, event: "repository_dispatch", key: KEY, since: SINCE };
const at = (seconds: number) => ({ now: () => Date.parse(SINCE) + seconds * 1000 });

describe("an event that is sent once", () => {
  it("is sent once, and the time is GitHub's", async (t) => {
    const { actions, requests } = await scriptedGitHub(t, () => ({ status: 204, headers: DATE }));
    assert.deepEqual(await actions.sendEvent(REPOSITORY, "ready", { run: KEY }), { since: "2026-03-01T12:00:07.000Z" });
    assert.deepEqual(
      requests.map(({ method, path, body }) => [method, path, JSON.parse(body)]),
      [["POST", "/repos/acme/shop/dispatches", { event_type: "ready", client_payload: { run: KEY } }]],
    );
  });

  it("uses the local time if the answer has no date", async (t) => {
    const { actions } = await scriptedGitHub(t, () => ({ status: 204, headers: { date: "" } }), at(3));
    assert.deepEqual(await actions.sendEvent(REPOSITORY, "ready", {}), { since: "2026-03-01T12:00:03.000Z" });
    assert.equal(actions.time(), "2026-03-01T12:00:03.000Z");
  });

  for (const [what, answer, sent] of [
    ["a reset", "reset", undefined],
    ["no answer", "hang", undefined],
    ["an answer that is cut", "cut", undefined],
    ["a 502", { status: 502 }, undefined],
    ["a 408", { status: 408 }, undefined],
    ["an answer that is not GitHub's", { status: 200 }, undefined],
    ["a 404", { status: 404, json: { message: "Not Found" } }, false],
    ["a 422", { status: 422, json: { message: "Invalid request." } }, false],
    ["a limit", { status: 429, headers: { "retry-after": "60" } }, false],
  ] as const satisfies readonly (readonly [string, Scripted, false | undefined])[]) {
    it(`is sent once and ${sent === false ? "certainly not taken" : "may be taken"} after ${what}`, async (t) => {
      const options = answer === "hang" ? { timeoutMs: 1000 } : {};
      const { actions, requests } = await scriptedGitHub(t, () => answer, options);
      const error = await actions.sendEvent(REPOSITORY, "ready", {}).catch((thrown) => thrown);
      assert.ok(isFailure(error), String(error));
      assert.equal(error.facts.sent, sent, error.message);
      assert.equal(requests.length, 1);
    });
  }

  for (const [what, url] of [
    ["rejects the connection", "http://127.0.0.1:1"],
    ["has no address", "http://github.invalid"],
  ] as const) {
    it(`is certainly not taken by a host that ${what}`, async (t) => {
      const error = await clientOf(t, url)
        .actions.sendEvent(REPOSITORY, "ready", {})
        .catch((thrown) => thrown);
      assert.ok(isFailure(error));
      assert.equal(error.facts.sent, false, error.message);
    });
  }

  it("may be taken if an earlier try may have arrived", async (t) => {
    let tries = 0;
    const { github, requests } = await scriptedGitHub(t, () => (tries++ === 0 ? "reset" : { status: 404, json: {} }));
    const error = await github.dispatch(REPOSITORY, "ready", {}).catch((thrown) => thrown);
    assert.ok(isFailure(error));
    assert.equal(error.kind, "permanent");
    assert.equal(error.facts.sent, undefined);
    assert.equal(requests.length, 2);
  });

  it("is certainly not taken when it is too large", async (t) => {
    const { actions, requests } = await scriptedGitHub(t, () => ({ status: 204 }));
    const large = await actions.sendEvent(REPOSITORY, "ready", { text: "x".repeat(70_000) }).catch((thrown) => thrown);
    assert.equal(large.facts.sent, false);
    assert.equal(requests.length, 0);
  });
});

describe("a workflow that is started once", () => {
  it("gets the key, and its run is named by the answer", async (t) => {
    const { actions, requests } = await scriptedGitHub(t, () => ({
      headers: DATE,
      json: { workflow_run_id: 7, run_url: "", html_url: "https://github.com/acme/shop/actions/runs/7" },
    }));
    const run = await actions.startWorkflow(REPOSITORY, "tests.yml", { ref: "main", inputs: { a: "1" }, key: KEY });
    const htmlUrl = "https://github.com/acme/shop/actions/runs/7";
    assert.deepEqual(run, { since: "2026-03-01T12:00:07.000Z", key: KEY, runId: 7, htmlUrl });
    assert.deepEqual(JSON.parse(requests[0]?.body ?? "").inputs, { a: "1", run: KEY });
    const found = await actions.find({ ...started, event: "workflow_dispatch", since: run.since, runId: 7, htmlUrl });
    assert.deepEqual(found, { repository: REPOSITORY, runId: 7, htmlUrl, foundBy: "answer", createdAt: run.since });
    assert.equal(requests.length, 1, "nothing has to be asked");
  });

  it("is started without the key where it has no such input", async (t) => {
    const { actions, requests } = await scriptedGitHub(t, ({ body }) =>
      JSON.parse(body).inputs.run === undefined
        ? { status: 204 }
        : { status: 422, json: { message: 'Unexpected inputs provided: ["run"]' } },
    );
    const run = await actions.startWorkflow(REPOSITORY, "tests.yml", { ref: "main", key: KEY });
    assert.equal(run.key, undefined);
    assert.deepEqual(JSON.parse(requests.at(-1)?.body ?? "").inputs, {});
  });

  it("is not started again after a lost answer", async (t) => {
    const { actions, requests } = await scriptedGitHub(t, () => "reset");
    const error = await actions
      .startWorkflow(REPOSITORY, "tests.yml", { ref: "main", key: KEY })
      .catch((thrown) => thrown);
    assert.equal(error.kind, "transient");
    assert.equal(error.facts.sent, undefined);
    assert.equal(requests.length, 1);
  });
});

describe("finding a run", () => {
  it("takes the run whose name shows the key, with one request", async (t) => {
    const run = listed(`Preview tests (${KEY}).`);
    const { actions, requests } = await scriptedGitHub(t, () => listOf(listed("other"), run, listed(`${KEY}0`)));
    assert.deepEqual(await actions.find(started), {
      repository: REPOSITORY,
      runId: run.id,
      htmlUrl: run.html_url,
      foundBy: "key",
      createdAt: "2026-03-01T12:00:01Z",
    });
    const [{ path, query }] = requests as [Received];
    assert.equal(requests.length, 1);
    assert.equal(path, "/repos/acme/shop/actions/runs");
    assert.deepEqual(Object.fromEntries(query), {
      event: "repository_dispatch",
      created: ">=2026-03-01T11:59:00Z",
      page: "1",
      per_page: "100",
      exclude_pull_requests: "true",
    });
  });

  it("takes the oldest of two with the key", async (t) => {
    const [older, newer] = [listed(KEY), listed(KEY)];
    const { actions } = await scriptedGitHub(t, () => listOf(newer, older));
    assert.equal((await actions.find(started))?.runId, older.id);
  });

  it("asks for further pages only when a page is full", async (t) => {
    const run = listed(KEY);
    const { actions, requests } = await scriptedGitHub(t, ({ query }) =>
      query.get("page") === "1" ? listOf(...Array.from({ length: 100 }, () => listed("other"))) : listOf(run),
    );
    assert.equal((await actions.find(started))?.runId, run.id);
    assert.equal(requests.length, 2);
  });

  for (const [what, titles, seconds, expected] of [
    ["the only one from that time", ["Tests"], 40, "found"],
    ["none before 30 s", ["Tests"], 29, undefined],
    ["none where names show keys", [`Tests ${KEY.replace("0199", "0198")}`], 40, undefined],
    ["none where one of two names shows a key", ["Tests", `Tests ${KEY.replace("0199", "0198")}`], 40, undefined],
    ["none where there is none", [], 40, undefined],
  ] as const) {
    it(`takes by time ${what}`, async (t) => {
      const runs = titles.map((title) => listed(title));
      const { actions } = await scriptedGitHub(t, () => listOf(...runs), at(seconds));
      const found = await actions.find(started);
      assert.equal(found && "found", expected);
      if (found) assert.deepEqual([found.runId, found.foundBy], [runs[0]?.id, "time"]);
    });
  }

  it("takes by time no run from before or long after", async (t) => {
    const early = listed("Tests", { created_at: "2026-03-01T11:59:49Z" });
    const late = listed("Tests", { created_at: "2026-03-01T12:02:01Z" });
    const { actions } = await scriptedGitHub(t, () => listOf(late, early), at(200));
    assert.equal(await actions.find(started), undefined);
  });

  it("takes by time no run of another workflow", async (t) => {
    const expected = listed("Tests", { path: ".github/workflows/tests.yml@main" });
    const other = listed("Lint", { path: ".github/workflows/lint.yml" });
    const { actions } = await scriptedGitHub(t, () => listOf(other, expected), at(40));
    const found = await actions.find({ ...started, event: "workflow_dispatch", workflow: "tests.yml" });
    assert.equal(found?.runId, expected.id);
  });

  for (const json of [{}, { workflow_runs: null }, [], "text"]) {
    it(`takes ${JSON.stringify(json)} for an error, not for an empty list`, async (t) => {
      const { actions } = await scriptedGitHub(t, () => ({ json }));
      await assert.rejects(actions.find(started), /GitHub's answer does not have the expected content/);
    });
  }

  it("names two that fit by time, and says how to tell them apart", async (t) => {
    const [a, b] = [listed("Tests"), listed("Tests")];
    const { actions } = await scriptedGitHub(t, () => listOf(b, a), at(40));
    const error = await actions.find(started).catch((thrown) => thrown);
    assert.equal(error.kind, "permanent");
    assert.equal(error.facts.about, "no run");
    assert.match(error.message, new RegExp(`2 runs .*${b.html_url}, ${a.html_url}.*run-name: .*client_payload\\.run`));
  });

  it("says which permission is missing", async (t) => {
    const { actions } = await scriptedGitHub(t, () => ({
      status: 403,
      json: { message: "Resource not accessible by personal access token" },
    }));
    await assert.rejects(actions.find(started), /"Actions: read" on acme\/shop/);
  });
});

describe("the key in a name", () => {
  for (const [title, key, shown] of [
    [`Tests ${KEY}`, KEY, true],
    [`Tests (${KEY})`, KEY, true],
    [`Tests of pr-1, run ${KEY}.`, KEY, true],
    [`run:${KEY}`, KEY, true],
    [`Tests ${KEY}0`, KEY, false],
    ["Tests pr-12", "pr-1", false],
    ["Tests pr-1.2", "pr-1", false],
    ["Tests pr-1.", "pr-1", true],
    ["", "pr-1", false],
  ] as const) {
    it(`${key} is ${shown ? "" : "not "}in "${title}"`, () => assert.equal(keysIn(title).has(key), shown));
  }

  it("is searched in a limited number of words of limited length", () => {
    assert.equal(keysIn("word ".repeat(10_000)).size, 1);
    assert.ok(keysIn(Array.from({ length: 1000 }, (_, at) => `w${at}`).join(" ")).size <= 40);
    assert.equal(keysIn("x".repeat(101)).size, 0);
  });
});

describe("the current state of a run", () => {
  const running = (more: object) => ({ ...listed("Tests", { id: 7, html_url: "https://github.com/r/7" }), ...more });

  it("is read without its jobs until it has ended, and costs no quota while it is unchanged", async (t) => {
    const { actions, requests } = await scriptedGitHub(t, ({ headers }) =>
      headers["if-none-match"] === '"1"'
        ? { status: 304 }
        : { headers: { etag: '"1"' }, json: running({ status: "in_progress" }) },
    );
    for (let times = 0; times < 2; times++) {
      const shown = { status: "in_progress", htmlUrl: "https://github.com/r/7", attempt: 1 };
      assert.deepEqual(await actions.show(REPOSITORY, 7), shown);
    }
    assert.deepEqual(
      requests.map(({ path, headers }) => [path, headers["if-none-match"]]),
      [
        ["/repos/acme/shop/actions/runs/7", undefined],
        ["/repos/acme/shop/actions/runs/7", '"1"'],
      ],
    );
  });

  it("has its conclusion, with the jobs of its latest attempt", async (t) => {
    const { actions, requests } = await scriptedGitHub(t, ({ path }) =>
      path.endsWith("/jobs")
        ? {
            json: {
              total_count: 2,
              jobs: [
                job("build", "success", "2026-03-01T12:03:00Z"),
                job("browser / chromium", "failure", "2026-03-01T12:05:00Z"),
              ],
            },
          }
        : {
            json: running({
              status: "completed",
              conclusion: "failure",
              run_attempt: 2,
              updated_at: "2026-03-02T00:00:00Z",
            }),
          },
    );
    assert.deepEqual(await actions.show(REPOSITORY, 7), {
      status: "completed",
      htmlUrl: "https://github.com/r/7",
      attempt: 2,
      ended: {
        id: 7,
        htmlUrl: "https://github.com/r/7",
        conclusion: "failure",
        attempt: 2,
        createdAt: "2026-03-01T12:00:01Z",
        startedAt: "2026-03-01T12:00:02Z",
        endedAt: "2026-03-01T12:05:00Z",
        jobs: [
          {
            name: "build",
            conclusion: "success",
            htmlUrl: "https://github.com/j/build",
            startedAt: "2026-03-01T12:01:00Z",
            endedAt: "2026-03-01T12:03:00Z",
          },
          {
            name: "browser / chromium",
            conclusion: "failure",
            htmlUrl: "https://github.com/j/browser / chromium",
            startedAt: "2026-03-01T12:01:00Z",
            endedAt: "2026-03-01T12:05:00Z",
          },
        ],
      },
    });
    assert.equal(requests.at(-1)?.query.get("filter"), "latest");
  });

  it("keeps up to 50 jobs, failed ones first", async (t) => {
    const jobs = Array.from({ length: 80 }, (_, at) => job(`j${at}`, at >= 75 ? "timed_out" : "success"));
    const { actions } = await scriptedGitHub(t, ({ path }) =>
      path.endsWith("/jobs")
        ? { json: { total_count: 80, jobs } }
        : { json: running({ status: "completed", conclusion: "failure" }) },
    );
    const names = (await actions.show(REPOSITORY, 7)).ended?.jobs.map(({ name }) => name);
    assert.deepEqual(
      names,
      [...jobs.slice(0, 45), ...jobs.slice(75)].map(({ name }) => name),
    );
  });

  it("fails with the reason when the run was deleted", async (t) => {
    const { actions } = await scriptedGitHub(t, () => ({ status: 404, json: { message: "Not Found" } }));
    await assert.rejects(actions.show(REPOSITORY, 7), /run 7 of acme\/shop failed: .*deleted.*"Actions: read"/);
  });
});

function job(name: string, conclusion: string, endedAt = "2026-03-01T12:02:00Z") {
  return {
    id: 1,
    name,
    status: "completed",
    conclusion,
    html_url: `https://github.com/j/${name}`,
    started_at: "2026-03-01T12:01:00Z",
    completed_at: endedAt,
    steps: [],
  };
}

/** GitHub as the service opens it, in front of a stand-in. The target repository has a workflow that shows the key. */
async function opened(t: TestContext) {
  const standIn = await startGitHub();
  t.after(() => standIn.close());
  standIn.token("token");
  const key = `\${{ github.event.client_payload.run }}`;
  standIn
    .repository(REPOSITORY)
    .put(".github/workflows/a.yml", `run-name: Tests ${key}\non: [repository_dispatch]\njobs: { a: { steps: [] } }\n`);
  const gitHub = await openedGitHub(t, { GITHUB_API_URL: standIn.url, GITHUB_TOKEN: "token" });
  return { standIn, gitHub };
}

describe("a run that an event started at the stand-in", () => {
  it("is found by its key, listed for watching without an attempt, and shown to its end", async (t) => {
    const { standIn, gitHub } = await opened(t);
    standIn.actions.script(() => ({ startsAfterMs: 0 }));
    const { actions } = gitHub.attempt({ name: "test" });
    const { since } = await actions.sendEvent(REPOSITORY, "ready", { run: KEY });
    const found = (await actions.find({ ...started, since })) ?? assert.fail();
    assert.equal(found.foundBy, "key");
    const newest = await gitHub.runsOf.listNewest(REPOSITORY, { event: "repository_dispatch", since });
    assert.equal(newest.total, 1);
    assert.deepEqual(
      newest.runs.map(({ id, title, event, conclusion, attempt }) => ({ id, title, event, conclusion, attempt })),
      [{ id: found.runId, title: `Tests ${KEY}`, event: "repository_dispatch", conclusion: undefined, attempt: 1 }],
    );
    assert.deepEqual((await gitHub.runsOf.listCompleted(REPOSITORY, { since })).runs, []);
    assert.equal((await actions.show(REPOSITORY, found.runId)).ended, undefined);

    standIn.actions.end(standIn.repository(REPOSITORY), found.runId, "timed_out");
    const [completed] = (await gitHub.runsOf.listCompleted(REPOSITORY, { since })).runs;
    assert.deepEqual([completed?.id, completed?.conclusion], [found.runId, "timed_out"]);
    const { ended } = await actions.show(REPOSITORY, found.runId);
    assert.deepEqual(
      [ended?.conclusion, ended?.jobs.map(({ name, conclusion }) => [name, conclusion])],
      ["timed_out", [["a", "timed_out"]]],
    );
  });

  it("costs no quota to list again while it is unchanged", async (t) => {
    const { standIn, gitHub } = await opened(t);
    const since = new Date(Date.now() - 60_000).toISOString();
    standIn.actions.start(standIn.repository(REPOSITORY), ".github/workflows/a.yml");
    const first = await gitHub.runsOf.listNewest(REPOSITORY, { since });
    assert.deepEqual(await gitHub.runsOf.listNewest(REPOSITORY, { since }), first);
    assert.deepEqual(
      standIn.requests.map(({ status }) => status),
      [200, 304],
    );
  });

  it("does not exist in a dry run, which shows the rest as if it had succeeded", async (t) => {
    const { standIn, gitHub } = await opened(t);
    const shown: string[] = [];
    const dryRun = ({ method, url }: UnsentWrite) => void shown.push(`${method} ${new URL(url).pathname}`);
    const { actions, github } = gitHub.attempt({ name: "test", dryRun });
    const { since } = await actions.sendEvent(REPOSITORY, "ready", { run: KEY });
    const found = (await actions.find({ ...started, since })) ?? assert.fail();
    assert.equal((await actions.show(REPOSITORY, found.runId)).ended?.conclusion, "success");
    await github.cancelRun(REPOSITORY, found.runId);
    const about = { repository: REPOSITORY, sha: "a".repeat(40), key: "k" };
    standIn.repository(REPOSITORY).addCommit(about.sha);
    standIn.repository(REPOSITORY).openPull({ number: 7 });
    await github.deployment({ ...about, environment: "pr-7", state: "success" });
    await github.check({ ...about, name: "c", status: "queued", title: "t", summary: "s" });
    await github.comment({ repository: REPOSITORY, number: 7, key: "k", body: "text" });
    assert.deepEqual(shown, [
      "POST /repos/acme/shop/dispatches",
      "POST /repos/acme/shop/actions/runs/1/cancel",
      "POST /repos/acme/shop/deployments",
      "POST /repos/acme/shop/deployments/0/statuses",
      "POST /repos/acme/shop/check-runs",
      "POST /repos/acme/shop/issues/7/comments",
    ]);
    assert.equal(standIn.dispatches.length, 0);
    // A run that really exists is shown unchanged.
    const id = standIn.actions.start(standIn.repository(REPOSITORY), ".github/workflows/a.yml");
    assert.equal((await actions.show(REPOSITORY, id)).status, "queued");
  });
});
