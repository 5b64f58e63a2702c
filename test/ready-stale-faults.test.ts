import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { DOCUMENTED_LIMITS } from "../sandbox/limits.ts";
import { type StaleOptions, stale } from "../src/workflows/index.ts";
import { until } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { fixedPort, listening, spawnService } from "./support/process.ts";
import { DAY_MS, type Ready, readyService } from "./support/ready.ts";
import { send, TOKEN } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const MESSAGE = "Is it of interest?";
const COMMENT = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";
const CHANGE = "PATCH /repos/{owner}/{repo}/issues/{issue_number}";
const READ = "GET /repos/{owner}/{repo}/issues/{issue_number}";

async function service(t: TestContext, { issues, ...options }: StaleOptions & { issues: number }): Promise<Ready> {
  const ready = await readyService(t, stale({ staleIssueMessage: MESSAGE, ascending: true, ...options }));
  for (let number = 1; number <= issues; number++) ready.openIssue({ number, daysAgo: 70 });
  return ready;
}

/** Every issue is marked, and has one comment. */
function requireMarked(ready: Pick<Ready, "issue" | "bodies">, issues: number): void {
  for (let number = 1; number <= issues; number++) {
    assert.deepEqual([ready.issue(number).labels, ready.bodies(number).length], [["Stale"], 1], `issue ${number}`);
  }
}

type Outputs = { readonly staledIssuesPrs: readonly string[]; readonly statistics: Record<string, number> };

describe("stale, with faults", () => {
  for (const [what, route] of [
    ["before the comment", COMMENT],
    ["between the comment and the label", CHANGE],
  ] as const) {
    it(`continues after a limit ${what}, and has commented once`, async (t) => {
      const ready = await service(t, { issues: 30 });
      ready.github.fault({ route, after: 7, times: 1 }, { kind: "limit", retryAfterSeconds: 3600 });
      const { run, attempts } = await ready.run();
      assert.deepEqual([run.status, attempts.length > 1], ["success", true]);
      requireMarked(ready, 30);
      const { staledIssuesPrs, statistics } = run.outputs as Outputs;
      assert.deepEqual([new Set(staledIssuesPrs).size, statistics.marked], [30, 30]);
      assert.equal(ready.messages().filter((message) => message.startsWith("marked as stale:")).length, 30);
    });

    it(`loses nothing when an answer is lost ${what}, and has commented once`, async (t) => {
      const ready = await service(t, { issues: 5 });
      ready.github.fault({ route, after: 2, times: 1 }, { kind: "reset", afterHandling: true });
      const { run } = await ready.run();
      assert.equal(run.status, "success");
      requireMarked(ready, 5);
    });
  }

  it("obeys GitHub's limits, and never hits one", async (t) => {
    const ready = await readyService(t, stale({ staleIssueMessage: MESSAGE }), { limits: DOCUMENTED_LIMITS });
    for (let number = 1; number <= 120; number++) ready.openIssue({ number, daysAgo: 70 });
    const { run, attempts, steps } = await ready.run();
    assert.deepEqual([run.status, (run.outputs as Outputs).statistics.marked], ["success", 120]);
    requireMarked(ready, 120);
    assert.equal(ready.github.counts.limited, 0);
    assert.ok(attempts.length > 2 && steps.length < 60, `${attempts.length} attempts, ${steps.length} steps`);
  });

  it("closes what it announced before an interruption", async (t) => {
    const ready = await service(t, {
      issues: 2,
      staleIssueMessage: "",
      closeIssueMessage: "Closed.",
      daysBeforeStale: -1,
    });
    for (const number of [1, 2]) ready.label(number, "Stale");
    ready.days(8);
    ready.github.fault({ route: CHANGE, times: 1 }, { kind: "limit", retryAfterSeconds: 3600 });
    const { attempts } = await ready.run();
    assert.ok(attempts.length > 1);
    for (const number of [1, 2]) {
      assert.deepEqual([ready.issue(number).state, ready.bodies(number).length], ["closed", 1], `issue ${number}`);
    }
  });

  it("skips what was answered, exempted or deleted after the listing", async (t) => {
    const ready = await service(t, { issues: 4, exemptIssueLabels: "pinned" });
    ready.github.fault({ route: READ, times: 1 }, () => {
      ready.comment(1, "It is.");
      ready.label(2, "pinned");
      ready.shop.issues.delete(3);
      return { kind: "delay", ms: 0 };
    });
    await ready.run();
    assert.deepEqual(
      [1, 2, 4].map((number) => ready.issue(number).labels),
      [[], ["pinned"], ["Stale"]],
    );
    assert.deepEqual(ready.bodies(1), ["It is."]);
  });

  it("skips what it cannot change, does the rest, and fails at the end", async (t) => {
    const ready = await service(t, { issues: 6 });
    ready.github.fault(
      { method: "PATCH", path: /issues\/3$/ },
      { kind: "status", status: 422, body: '{"message":"Nope"}' },
    );
    const { run } = await ready.run();
    assert.equal(run.status, "failure");
    assert.match(run.reason ?? "", /1 of 6 failed, the first with: .*422.*Nope.*The next run retries them/s);
    assert.deepEqual(
      [2, 3, 4].map((number) => ready.issue(number).labels.length),
      [1, 0, 1],
    );
    assert.ok(ready.messages().includes("acme/shop#3 could not be changed"));
  });

  it("does not fail if something is deleted right before the write", async (t) => {
    const ready = await service(t, { issues: 4, staleIssueMessage: "" });
    for (const [number, status] of [
      [2, 404],
      [4, 410],
    ] as const) {
      ready.github.fault({ method: "PATCH", path: new RegExp(`issues/${number}$`) }, () => {
        ready.shop.issues.delete(number);
        return { kind: "status", status, body: '{"message":"This issue was deleted"}' };
      });
    }
    const { run } = await ready.run();
    assert.deepEqual([run.status, (run.outputs as Outputs).statistics.marked], ["success", 2]);
    assert.ok(ready.messages().includes("acme/shop#4 has since been deleted or moved"));
  });

  it("skips a repository that it cannot see, and fails at the end", async (t) => {
    const ready = await service(t, { issues: 1, repositories: ["acme/missing", "acme/shop"] });
    const { run } = await ready.run();
    assert.match(run.reason ?? "", /1 of 2 failed, the first with: .*acme\/missing/s);
    requireMarked(ready, 1);
    assert.ok(ready.messages().includes("acme/missing is left out"));
  });

  it("stops when nothing can be changed", async (t) => {
    const ready = await service(t, { issues: 30 });
    ready.github.fault(
      { method: "POST" },
      { kind: "status", status: 403, body: '{"message":"Resource not accessible by integration"}' },
    );
    const { run } = await ready.run();
    assert.match(run.reason ?? "", /not accessible/);
    assert.equal(ready.writes().length, 5);
  });

  it("reports that GitHub silently drops labels", async (t) => {
    const ready = await service(t, { issues: 1 });
    ready.github.fault(
      { route: CHANGE },
      { kind: "status", status: 200, body: '{"labels":[]}', headers: { "content-type": "application/json" } },
    );
    const { run } = await ready.run();
    assert.match(run.reason ?? "", /did not change the labels\. Give the token's user the role Triage/);
  });

  it("marks each issue once, even if its process is killed", { timeout: 600_000 }, async (t) => {
    const ISSUES = 24;
    const github = await startGitHub();
    t.after(() => github.close());
    github.token(TOKEN);
    const shop = github.repository("acme/shop");
    const createdAt = Date.now() - 70 * DAY_MS;
    for (let number = 1; number <= ISSUES; number++) shop.openIssue({ number, createdAt });
    const file = `import { stale } from "gh-runner/workflows";
export default stale({ staleIssueMessage: "${MESSAGE}" });
`;
    const port = await fixedPort();
    const settings = {
      WORKFLOWS_DIR: workflowsFolder(t, { "stale.ts": file }),
      AUTH_TOKENS: "me:operator:0123456789abcdef0123456789abcdef",
    };
    const facts = { port, dataDir: temporaryFolder(t), githubUrl: github.url, settings };
    const url = `http://127.0.0.1:${port}`;
    const headers = { authorization: "Bearer 0123456789abcdef0123456789abcdef", "content-type": "application/json" };

    const killed = spawnService(t, facts);
    await listening(killed, port);
    const started = await send(url, {
      method: "POST",
      path: "/api/workflows/stale/runs",
      body: '{"inputs":{}}',
      headers,
    });
    const { id: run } = started.json;
    await until("some have their comment", async () => shop.comments.length >= 11);
    await killed.kill();
    await listening(spawnService(t, facts), port);
    const detail = async () => (await send(url, { path: `/api/runs/${run}`, headers })).json;
    await until("the run has ended", async () => !["queued", "running", "waiting"].includes((await detail()).status));
    const { status, outputs } = await detail();
    assert.deepEqual([status, outputs.statistics.marked], ["success", ISSUES]);
    requireMarked(
      {
        issue: (number) => shop.issue(number)!,
        bodies: (number) => shop.comments.filter(({ issue }) => issue === number).map(({ body }) => body),
      },
      ISSUES,
    );
  });
});
