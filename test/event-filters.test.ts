import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { defineWorkflow, type GitHubTrigger, type WebhookEvent } from "gh-runner";
import { type TestOptions, testRun } from "gh-runner/testing";
import { examplePayload } from "../src/cli/dev-payload.ts";
import { isFor, mayWant } from "../src/model/github-trigger.ts";
import { fieldProblems } from "../src/workflows/load/field-problems.ts";
import { until } from "./support/clock.ts";
import { send, startService } from "./support/service.ts";
import { deliver, EXAMPLES, WEBHOOK_SECRET } from "./support/webhooks.ts";
import { workflowsFolder } from "./support/workflows.ts";

const event = (name: string, payload: unknown) => ({ name, delivery: "1", payload }) as unknown as WebhookEvent;
const entry = (given: unknown) => given as GitHubTrigger;

const AFTER = "a".repeat(40);
const commit = (id: string, ...modified: readonly string[]) => ({ id, added: [], removed: [], modified });
const push = (ref: string, more = {}) =>
  event("push", { ref, before: "b".repeat(40), after: AFTER, repository: { full_name: "acme/shop" }, ...more });
const pull = (base: string, more = {}) =>
  event("pull_request", {
    action: "opened",
    repository: { full_name: "acme/shop" },
    pull_request: { number: 7, base: { ref: base }, head: { ref: "feature/a" }, labels: [] },
    ...more,
  });

describe("the filters branches and tags", () => {
  const wants = (filters: object, ref: string) => isFor(entry({ events: "push", ...filters }), push(ref));

  it("choose pushes of branches and tags by their name", () => {
    assert.equal(wants({ branches: "main" }, "refs/heads/main"), true);
    assert.equal(wants({ branches: ["releases/**", "!releases/**-alpha"] }, "refs/heads/releases/10"), true);
    assert.equal(wants({ branches: ["releases/**", "!releases/**-alpha"] }, "refs/heads/releases/10-alpha"), false);
    assert.equal(wants({ branchesIgnore: ["dependabot/**"] }, "refs/heads/dependabot/npm/a"), false);
    assert.equal(wants({ branchesIgnore: ["dependabot/**"] }, "refs/heads/main"), true);
    assert.equal(wants({ tags: "v*" }, "refs/tags/v1"), true);
    assert.equal(wants({ tagsIgnore: "v*" }, "refs/tags/v1"), false);
  });

  it("leave the other kind out when one kind has a filter, as Actions does", () => {
    const rows = [
      [{}, true, true],
      [{ branches: "**" }, true, false],
      [{ branchesIgnore: "x" }, true, false],
      [{ tags: "**" }, false, true],
      [{ tagsIgnore: "x" }, false, true],
      [{ branches: "**", tags: "**" }, true, true],
      [{ branches: "x", tags: "**" }, false, true],
      [{ branchesIgnore: "**", tagsIgnore: "x" }, false, true],
    ] as const;
    for (const [filters, branch, tag] of rows) {
      const got = [wants(filters, "refs/heads/main"), wants(filters, "refs/tags/v1")];
      assert.deepEqual(got, [branch, tag], JSON.stringify(filters));
    }
  });

  it("apply to the branch that a pull request or a merge group goes into, or that a workflow ran on", () => {
    const main = (events: string) => entry({ events, branches: ["main"] });
    assert.equal(isFor(main("pull_request"), pull("main")), true);
    assert.equal(isFor(main("pull_request"), pull("feature/a")), false);
    const group = (base_ref: string) => event("merge_group", { action: "checks_requested", merge_group: { base_ref } });
    assert.equal(isFor(main("merge_group"), group("refs/heads/main")), true);
    assert.equal(isFor(main("merge_group"), group("refs/heads/next")), false);
    const ran = (head_branch: string | null) => event("workflow_run", { workflow_run: { head_branch } });
    assert.equal(isFor(main("workflow_run"), ran("main")), true);
    assert.equal(isFor(main("workflow_run"), ran("next")), false);
    assert.equal(isFor(main("workflow_run"), ran(null)), false);
  });

  it("find their values in every example payload of GitHub", () => {
    const all = EXAMPLES.filter(({ name }) => /^(push|pull_request.*|merge_group|workflow_run)$/.test(name));
    assert.ok(all.length >= 5);
    for (const { name, examples } of all) {
      for (const payload of examples) {
        assert.ok(isFor(entry({ events: name, branches: ["**?a", "**"], tags: "**" }), event(name, payload)), name);
        assert.equal(
          isFor(entry({ events: name, branches: ["no such branch"], tags: ["none"] }), event(name, payload)),
          false,
        );
      }
    }
  });

  it("match no malformed payload, and never throw", () => {
    for (const payload of [null, undefined, "x", 7, [], {}, { pull_request: null }, { ref: {} }]) {
      for (const events of ["push", "pull_request", "merge_group", "workflow_run"]) {
        assert.equal(isFor(entry({ events, branches: "main" }), event(events, payload)), false);
        assert.equal(isFor(entry({ events, labels: "bug" }), event(events, payload)), false);
        assert.equal(typeof isFor(entry({ events, paths: "docs/**" }), event(events, payload)), "boolean");
      }
    }
  });
});

describe("the filter labels", () => {
  const labels = ["Bug", "help wanted"].map((name) => ({ name }));
  const wanted = entry({ events: ["issues", "pull_request", "discussion"], labels: ["bug"] });

  it("matches if one of the labels is there, in upper or lower case", () => {
    assert.equal(isFor(wanted, event("issues", { action: "opened", issue: { labels } })), true);
    assert.equal(isFor(wanted, event("issues", { action: "opened", issue: { labels: [] } })), false);
    assert.equal(isFor(wanted, event("discussion", { action: "created", discussion: { labels } })), true);
    assert.equal(isFor(wanted, pull("main", { pull_request: { labels } })), true);
  });

  it("checks the label of the event when one is added or removed", () => {
    const of = (action: string, label?: object) => event("issues", { action, label, issue: { labels } });
    assert.equal(isFor(wanted, of("labeled", { name: "BUG" })), true);
    assert.equal(isFor(wanted, of("labeled", { name: "docs" })), false);
    assert.equal(isFor(wanted, of("unlabeled", { name: "bug" })), true);
    assert.equal(isFor(wanted, of("unlabeled")), false);
  });
});

describe("the filter paths", () => {
  const docs = entry({ events: ["push", "pull_request"], paths: ["docs/**", "!docs/drafts/**"] });

  it("is decided by the payload of a push, if that rules it out", () => {
    const of = (...commits: unknown[]) => isFor(docs, push("refs/heads/main", { commits }));
    assert.equal(of(commit(AFTER, "docs/a.md")), true);
    assert.equal(of(commit(AFTER, "docs/drafts/a.md", "src/a.ts")), false);
    assert.equal(of(commit("c", "docs/a.md"), commit(AFTER, "src/a.ts")), true);
    assert.equal(of(commit("c", "src/b.ts"), commit(AFTER, "src/a.ts")), false);
    assert.equal(of(), true);
  });

  it("ignores pushes of tags, and excludes pushes that delete", () => {
    assert.equal(isFor(docs, push("refs/tags/v1", { commits: [commit(AFTER, "src/a.ts")] })), true);
    assert.equal(isFor(docs, push("refs/heads/main", { deleted: true, commits: [] })), false);
  });

  it("is not checked for pushes to other branches", () => {
    const both = entry({ events: "push", branches: "main", paths: "docs/**" });
    assert.equal(isFor(both, push("refs/heads/next", { commits: [commit(AFTER, "docs/a.md")] })), false);
  });

  it("is undecided for a delivery whose log entry has only the name and the action", () => {
    assert.equal(mayWant(docs, "push", undefined), true);
    assert.equal(mayWant(docs, "issues", "opened"), false);
  });

  const paths = defineWorkflow({
    name: "paths",
    on: {
      github: [
        { events: ["pull_request", "push"], paths: ["docs/**", "!docs/drafts/**"] },
        { events: "pull_request", actions: ["labeled"], pathsIgnore: "**.md" },
      ],
    },
    run: async ({ changedFiles }) => ({ count: (await changedFiles()).length }),
  });
  const tried = async (files: readonly string[], given = pull("main"), options: TestOptions = {}) => {
    const prepare: TestOptions["prepare"] = (github) =>
      void github.repository("acme/shop").openPull({ number: 7, files: [...files] });
    const { run, github } = await testRun(paths, { event: given as never }, { prepare, ...options });
    return { ...run, asked: github.requests.length };
  };

  it("runs for a pull request that changes one of them, with one request for the filter and the workflow", async () => {
    const run = await tried(["src/a.ts", "docs/a.md"]);
    assert.deepEqual([run.status, run.outputs, run.asked], ["success", { count: 2 }, 1]);
  });

  it("skips one that changes none, and reports the patterns and the number of files", async () => {
    const run = await tried(["src/a.ts", "docs/drafts/a.md"]);
    assert.equal(run.status, "skipped");
    assert.equal(run.reason, "none of the changed files (2) matches the paths docs/**, !docs/drafts/**");
  });

  it("runs when any entry that matches the event matches its files", async () => {
    const labeled = pull("main", { action: "labeled", label: { name: "x" } });
    assert.equal((await tried(["src/a.ts"], labeled)).status, "success");
    const run = await tried(["README.md"], labeled);
    assert.equal(
      run.reason,
      "none of the changed files (1) matches the paths docs/**, !docs/drafts/** or the paths other than **.md",
    );
  });

  it("skips one that changes nothing", async () => {
    const run = await tried([]);
    assert.equal(run.reason, "no file was changed, and the workflow wants the paths docs/**, !docs/drafts/**");
  });

  it("counts the earlier name of a renamed file", async () => {
    const renamed = { filename: "src/a.md", previous_filename: "docs/a.md", status: "renamed", sha: "1" };
    const answers = { "GET /repos/{owner}/{repo}/pulls/{pull_number}/files": { body: [renamed] } };
    assert.equal((await tried([], pull("main"), { answers })).status, "success");
  });

  it("runs if GitHub does not show all files, as Actions does", async () => {
    const files = Array.from({ length: 3001 }, (_, at) => `src/${at}.ts`);
    assert.equal((await tried(files)).status, "success");
    const given = push("refs/heads/main", { forced: true, commits: [commit(AFTER, "src/a.ts")] });
    assert.equal((await tried([], given)).status, "success");
  });

  it("is decided again from the cache when GitHub fails on the second page", async () => {
    const files = Array.from({ length: 150 }, (_, at) => (at === 149 ? "docs/a.md" : `src/${at}.ts`));
    const run = await testRun(
      paths,
      { event: pull("main") as never },
      {
        prepare(github) {
          github.repository("acme/shop").openPull({ number: 7, files });
          github.fault({ path: /files$/, after: 1, times: 3 }, { kind: "status", status: 502 });
        },
      },
    );
    assert.equal(run.run.status, "queued");
    const { run: ended, github } = await run.advance("1m");
    assert.deepEqual([ended.status, ended.outputs], ["success", { count: 150 }]);
    assert.equal(github.requests.filter(({ query }) => !/page=2/.test(query)).length, 1);
  });
});

describe("problems with filters", () => {
  const problems = (github: unknown) =>
    fieldProblems({ name: "a", on: { github }, run: async () => {} }, () => undefined);

  it("name the field and what to write", () => {
    assert.deepEqual(problems({ events: "pull_request_target" }), [
      "on.github.events: pull_request_target is not a webhook: use pull_request: here it has the service's token, also for forks (docs/converting.md)",
    ]);
    assert.deepEqual(problems({ events: ["push", "schedule"], branches: "main" }), [
      'on.github.events: schedule is not a webhook: use the trigger schedule, beside github: { cron: "0 3 * * *" }',
    ]);
    assert.deepEqual(problems([{ events: "push" }, { events: ["issues", "push"], branches: ["main"] }]), [
      "on.github.1.branches: cannot be used with issues: branches are for push, pull_request, merge_group and workflow_run: write other events as another entry",
    ]);
    assert.deepEqual(problems({ events: "pull_request", tags: "v*", labels: "bug" }), [
      "on.github.tags: cannot be used with pull_request: tags are for push: write other events as another entry",
    ]);
    assert.deepEqual(problems({ events: "push", paths: "docs/**", pathsIgnore: "src/**" }), [
      'on.github.pathsIgnore: cannot be used with paths: write exclusions as "!…" in paths',
    ]);
    assert.deepEqual(problems({ events: "push", branches: ["!main"] }), [
      'on.github.branches: expected a pattern without "!" before "!main": write what to include first, or exclude names with branchesIgnore',
    ]);
    assert.deepEqual(problems({ events: "push", tags: ["v[0-9"], paths: ["./docs/**", "/a", "!/b", "ok/**"] }), [
      'on.github.tags: "v[0-9" has a [ without a ]: write \\[ for the character itself',
      'on.github.paths: "./docs/**" never matches, because no name begins with ./: write "docs/**"',
      'on.github.paths: "/a" never matches, because no name begins with /: write "a"',
      'on.github.paths: "!/b" never matches, because no name begins with /: write "b"',
    ]);
    assert.deepEqual(problems({ events: "push", branches: "refs/heads/main", tags: [] }), [
      'on.github.tags: expected ["v*"], got []',
    ]);
    assert.deepEqual(problems({ events: "push", branches: "refs/heads/main" }), [
      'on.github.branches: "refs/heads/main" never matches, because no name begins with refs/heads/: write "main"',
    ]);
    assert.deepEqual(problems({ events: "push", branch: "main" }), [
      "on.github: there is no field branch: did you mean branches?",
    ]);
    assert.deepEqual(problems({ events: "push", branches: 7 }), [
      'on.github.branches: expected ["main", "releases/**"], got 7',
    ]);
  });

  it("do not appear where GitHub has none", () => {
    assert.deepEqual(
      problems({ events: ["push"], branches: ["main", "!x"], tagsIgnore: "v*", paths: ["**", "!docs/**"] }),
      [],
    );
    assert.deepEqual(problems({ events: ["issues", "pull_request"], labels: ["bug", "help wanted"] }), []);
    assert.deepEqual(problems({ events: "push", pathsIgnore: ["**", "!docs/**"] }), []);
  });
});

describe("the payload that gh-runner dev offers", () => {
  it("matches the entry", () => {
    for (const given of [
      { events: "push", branches: ["releases/**", "!releases/**-alpha"], paths: ["docs/**/*.md"] },
      { events: "push", branchesIgnore: ["main"], pathsIgnore: ["src/**"] },
      { events: "push", tags: ["v[0-9]+.[0-9]+.[0-9]+"] },
      { events: "push", paths: "**.js" },
      { events: "pull_request", actions: ["opened"], branches: "next", labels: ["bug"] },
      { events: "pull_request", actions: ["labeled"], labels: ["bug"] },
      { events: "issues", labels: "bug" },
      { events: "merge_group", branches: "main" },
      { events: "workflow_run", branches: "feature/*" },
    ]) {
      const payload = examplePayload(given.events, entry(given));
      assert.ok(isFor(entry(given), event(given.events, payload)), JSON.stringify([given, payload]));
    }
  });
});

describe("GET /api/workflows", () => {
  it("has the filters of a trigger as lists", async (t) => {
    const github = '{ events: "push", branches: "main", paths: ["src/**"] }';
    const folder = workflowsFolder(t, {
      "a.ts": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({ name: "a", on: { github: ${github} }, async run() {} });`,
    });
    const { url } = await startService(t, {
      settings: { WORKFLOWS_DIR: folder, GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET },
    });
    const { workflows } = (await send(url, { path: "/api/workflows" })).json;
    assert.deepEqual(workflows.at(-1).triggers, [
      { trigger: "github", events: ["push"], branches: ["main"], paths: ["src/**"] },
    ]);
  });
});

describe("a webhook and filters", () => {
  const FILE = `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "deploy",
  on: { github: { events: "push", branches: ["main"], paths: ["src/**"] } },
  concurrency: { group: "deploy", cancelRunning: true },
  async run({ waitUntil }) { await waitUntil("never", () => undefined); },
});`;

  async function scene(t: TestContext) {
    const folder = workflowsFolder(t, { "deploy.ts": FILE });
    const settings = { WORKFLOWS_DIR: folder, GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET };
    const { url } = await startService(t, { settings });
    const pushed = (ref: string, ...files: string[]) =>
      deliver(url, "push", push(ref, { commits: [commit(AFTER, ...files)] }).payload);
    const runs = async () => (await send(url, { path: "/api/runs?limit=100" })).json.runs;
    return { url, pushed, runs };
  }

  it("start no run that the payload rules out, so it cancels none either", async (t) => {
    const { pushed, runs } = await scene(t);
    assert.equal((await pushed("refs/heads/main", "src/a.ts")).status, 202);
    await until("it waits", async () => (await runs())[0]?.status === "waiting");
    for (const [ref, file] of [
      ["refs/heads/next", "src/a.ts"],
      ["refs/heads/main", "docs/a.md"],
      ["refs/tags/main", "src/a.ts"],
    ] as const) {
      assert.equal((await pushed(ref, file)).status, 200);
    }
    assert.deepEqual(
      (await runs()).map(({ status }: { status: string }) => status),
      ["waiting"],
    );
    assert.equal((await pushed("refs/heads/main", "src/b.ts")).status, 202);
    assert.equal((await runs()).length, 2);
  });

  it("hold for a re-run with another input, too", async (t) => {
    const { url, pushed, runs } = await scene(t);
    await pushed("refs/heads/main", "src/a.ts");
    const [{ id }] = await runs();
    const rerun = (ref: string) => {
      const input = push(ref, { commits: [commit(AFTER, "src/a.ts")] });
      const headers = { "content-type": "application/json" };
      return send(url, { method: "POST", path: `/api/runs/${id}/rerun`, body: JSON.stringify({ input }), headers });
    };
    const answer = await rerun("refs/heads/next");
    assert.match(JSON.stringify(answer.json), /is an event that deploy does not handle/);
  });
});
