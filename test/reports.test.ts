import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { startGitHub } from "../sandbox/github.ts";
import { isFailure } from "../src/model/failure.ts";
import type { GitHubClient } from "../src/model/github.ts";
import { openedGitHub } from "./support/opened-github.ts";
import { chanceOf } from "./support/random.ts";
import { clientOf, type Received, type Scripted, scriptedGitHub } from "./support/scripted-github.ts";

const REPOSITORY = "acme/shop";
const SHA = "0123456789abcdef0123456789abcdef01234567";
const TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB";

type Row = Record<string, unknown> & { id: number };

/** The fate of the answers to creates, in order: given, or lost before or after GitHub has executed them. */
type Fate = "given" | "lost before" | "lost after";

/** A GitHub that keeps comments, checks, deployments and their statuses. */
async function keepingGitHub(
  t: TestContext,
  { fates = [], me = { login: "bot" } }: { fates?: Fate[]; me?: object } = {},
) {
  const rows = { comments: [] as Row[], checks: [] as Row[], deployments: [] as Row[], statuses: [] as Row[] };
  let lastId = 0;
  const create = (kind: keyof typeof rows, { body }: Received, more: object = {}): Scripted => {
    const fate = fates.shift() ?? "given";
    if (fate === "lost before") return "reset";
    const made = { user: { login: "bot", type: "User" }, ...JSON.parse(body), ...more, id: ++lastId };
    rows[kind].push(made);
    return fate === "lost after" ? "reset" : { status: 201, json: made };
  };
  const update = (kind: keyof typeof rows, id: number, { body }: Received): Scripted => {
    const row = rows[kind].find((each) => each.id === id);
    return row ? { json: Object.assign(row, JSON.parse(body)) } : { status: 404, json: { message: "Not Found" } };
  };
  const answer = (request: Received): Scripted => {
    const { method, path, query } = request;
    const id = Number(/-?\d+$/.exec(path)?.[0]);
    if (path === "/user") return "login" in me ? { json: me } : { status: 403, json: me };
    if (path.endsWith("/issues/7/comments")) {
      if (method === "POST") return create("comments", request);
      const [page, size] = [Number(query.get("page")), Number(query.get("per_page"))];
      return { json: rows.comments.slice((page - 1) * size, page * size) };
    }
    if (path.includes("/issues/comments/")) {
      if (method === "PATCH") return update("comments", id, request);
      rows.comments.splice(
        rows.comments.findIndex((each) => each.id === id),
        1,
      );
      return { status: 204 };
    }
    if (path.endsWith(`/commits/${SHA}/check-runs`)) {
      const named = rows.checks.filter(({ name }) => name === query.get("check_name"));
      const [page, size] = [Number(query.get("page") ?? 1), Number(query.get("per_page"))];
      return { json: { total_count: named.length, check_runs: named.slice((page - 1) * size, page * size) } };
    }
    if (path.endsWith("/check-runs")) return create("checks", request);
    if (path.includes("/check-runs/")) return update("checks", id, request);
    if (path.endsWith("/statuses") && path.includes("/deployments/")) {
      if (method === "POST") return create("statuses", request, { of: Number(path.split("/").at(-2)) });
      return { json: rows.statuses.filter(({ of }) => of === Number(path.split("/").at(-2))).toReversed() };
    }
    if (path.endsWith("/deployments"))
      return method === "POST" ? create("deployments", request) : { json: rows.deployments };
    return create("statuses", request, { path });
  };
  const { github, requests } = await scriptedGitHub(t, answer);
  const writes = () => requests.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`);
  return { ...rows, rows, github, requests, writes };
}

const comment = (body: string, key = "pr-7") => ({ repository: REPOSITORY, number: 7, key, body });

/** Repeats attempts of the run until one succeeds. */
async function attempts(work: () => Promise<void>): Promise<number> {
  for (let attempt = 1; attempt <= 50; attempt++) {
    try {
      await work();
      return attempt;
    } catch (error) {
      assert.ok(isFailure(error) && error.kind === "transient", String(error));
    }
  }
  throw new Error("it never succeeds");
}

describe("a comment", () => {
  it("is one per key, created first and then updated, and left alone while it is the same", async (t) => {
    const { github, comments, writes } = await keepingGitHub(t);
    await github.comment(comment("**pending**"));
    await github.comment(comment("**passed**"));
    await github.comment(comment("**passed**"));
    await github.comment(comment("another", "other"));
    assert.deepEqual(
      comments.map(({ body }) => body),
      ["<!-- gh-runner: pr-7 -->\n**passed**", "<!-- gh-runner: other -->\nanother"],
    );
    assert.deepEqual(writes(), [
      "POST /repos/acme/shop/issues/7/comments",
      "PATCH /repos/acme/shop/issues/comments/1",
      "POST /repos/acme/shop/issues/7/comments",
    ]);
  });

  for (const fates of [
    ["lost before"],
    ["lost after"],
    ["lost before", "lost after"],
    ["lost before", "lost before"],
  ] as Fate[][]) {
    it(`is created once when its answer is ${fates.join(", then ")}`, async (t) => {
      const lost = [...fates];
      const { github, comments } = await keepingGitHub(t, { fates: lost });
      await attempts(() => github.comment(comment("pending")));
      await attempts(() => github.comment(comment("passed")));
      assert.deepEqual(
        comments.map(({ body }) => body),
        ["<!-- gh-runner: pr-7 -->\npassed"],
      );
    });
  }

  it("is never created again blindly: if it is not found after a lost answer, the next attempt creates it", async (t) => {
    const { github, writes } = await keepingGitHub(t, { fates: ["lost before"] });
    await assert.rejects(github.comment(comment("pending")), { kind: "transient" });
    assert.equal(writes().length, 1);
  });

  it("of another author is never changed, with any beginning", async (t) => {
    const { github, comments } = await keepingGitHub(t);
    const theirs = { id: -1, user: { login: "mallory", type: "User" }, body: "<!-- gh-runner: pr-7 -->\nmine" };
    const quoted = { id: -2, user: { login: "bot", type: "User" }, body: "> <!-- gh-runner: pr-7 -->\nquoted" };
    comments.push(theirs, quoted);
    await github.comment(comment("pending"));
    await github.comment(comment("passed"));
    assert.deepEqual(
      comments.map(({ id, body }) => [id, body]),
      [
        [-1, theirs.body],
        [-2, quoted.body],
        [1, "<!-- gh-runner: pr-7 -->\npassed"],
      ],
    );
  });

  it("is a bot's for an App, whose token has no user", async (t) => {
    const me = { message: "Resource not accessible by integration" };
    const { github, comments } = await keepingGitHub(t, { me });
    comments.push({ id: -1, user: { login: "ann", type: "User" }, body: "<!-- gh-runner: pr-7 -->\nmine" });
    comments.push({ id: -2, user: { login: "app[bot]", type: "Bot" }, body: "<!-- gh-runner: pr-7 -->\npending" });
    await github.comment(comment("passed"));
    assert.deepEqual(
      comments.map(({ body }) => body),
      ["<!-- gh-runner: pr-7 -->\nmine", "<!-- gh-runner: pr-7 -->\npassed"],
    );
  });

  it("that exists twice becomes one: the older, with the newest text", async (t) => {
    const { github, comments } = await keepingGitHub(t);
    const twice = (id: number) => ({ id, user: { login: "bot" }, body: "<!-- gh-runner: pr-7 -->\npending" });
    comments.push(twice(-2), twice(-1));
    await github.comment(comment("passed"));
    assert.deepEqual(
      comments.map(({ id, body }) => [id, body]),
      [[-2, "<!-- gh-runner: pr-7 -->\npassed"]],
    );
  });

  it("is found behind many others, is not longer than GitHub allows, and has no token", async (t) => {
    const { github, comments } = await keepingGitHub(t);
    for (let id = 1000; id < 1120; id++) comments.push({ id, user: { login: "ann" }, body: "talk" });
    await github.comment(comment("pending"));
    await github.comment(comment(`${TOKEN} ${"x".repeat(70_000)}`));
    assert.equal(comments.length, 121);
    const text = String(comments.at(-1)?.body);
    assert.ok(text.length > 60_000 && text.length <= 65_536, String(text.length));
    assert.ok(!text.includes(TOKEN));
  });

  it("has a key that cannot end its marker", async (t) => {
    const { github, requests } = await keepingGitHub(t);
    for (const key of ["", "a b", "--> <b>", "x".repeat(101)]) {
      await assert.rejects(github.comment(comment("text", key)), { kind: "permanent" });
    }
    assert.equal(requests.length, 0);
  });

  it("names both permissions of which one is enough", async (t) => {
    const { github } = await scriptedGitHub(t, () => ({
      status: 403,
      json: { message: "Resource not accessible by personal access token" },
    }));
    await assert.rejects(github.comment(comment("x")), /"Pull requests: write" or "Issues: write" on acme\/shop/);
  });
});

const check = (status: "queued" | "in_progress" | "completed", more: object = {}) => ({
  repository: REPOSITORY,
  sha: SHA,
  name: "preview",
  key: "run-1",
  status,
  title: "Tests",
  summary: "**text**",
  ...more,
});

describe("a check", () => {
  it("is made once and updated", async (t) => {
    const { github, checks, writes } = await keepingGitHub(t);
    checks.push({ id: -1, name: "preview", external_id: "another" });
    await github.check(check("in_progress", { detailsUrl: "https://example.com/run" }));
    await github.check(check("completed", { conclusion: "failure" }));
    assert.deepEqual(writes(), ["POST /repos/acme/shop/check-runs", "PATCH /repos/acme/shop/check-runs/1"]);
    const { external_id, status, conclusion, head_sha, details_url, output } = checks[1] as Row;
    assert.deepEqual(
      [external_id, status, conclusion, head_sha, details_url, output],
      ["run-1", "completed", "failure", SHA, "https://example.com/run", { title: "Tests", summary: "**text**" }],
    );
  });

  for (const fates of [["lost before"], ["lost after"], ["lost before", "lost after"]] as Fate[][]) {
    it(`is made once when its answer is ${fates.join(", then ")}`, async (t) => {
      const { github, checks } = await keepingGitHub(t, { fates: [...fates] });
      await attempts(() => github.check(check("in_progress")));
      await attempts(() => github.check(check("completed", { conclusion: "success" })));
      assert.equal(checks.length, 1);
    });
  }

  it("that has ended is followed by another when it begins again", async (t) => {
    const { github, checks } = await keepingGitHub(t, { fates: ["given", "lost after"] });
    await github.check(check("completed", { conclusion: "failure" }));
    await github.check(check("in_progress"));
    await github.check(check("completed", { conclusion: "success" }));
    assert.deepEqual(
      checks.map(({ conclusion }) => conclusion),
      ["failure", "success"],
    );
  });

  it("is found behind any number of others with its name, in any order of GitHub's list", async (t) => {
    const { github, checks, requests, writes } = await keepingGitHub(t);
    for (let id = -60; id < 0; id++) checks.push({ id, name: "preview", external_id: "another" });
    await github.check(check("in_progress"));
    await github.check(check("completed", { conclusion: "success" }));
    assert.deepEqual(writes(), ["POST /repos/acme/shop/check-runs", "PATCH /repos/acme/shop/check-runs/1"]);
    assert.equal(requests.filter(({ method }) => method === "GET").length, 4);
  });

  it("that has ended differently is followed by another one, and is updated when it has ended the same way", async (t) => {
    const { github, checks, writes } = await keepingGitHub(t);
    for (const conclusion of ["failure", "success", "success"] as const) {
      await github.check(check("completed", { conclusion }));
    }
    assert.deepEqual(
      checks.map(({ conclusion }) => conclusion),
      ["failure", "success"],
    );
    assert.equal(writes().at(-1), "PATCH /repos/acme/shop/check-runs/2");
  });

  it("reports that it needs a GitHub App", async (t) => {
    const { github } = await scriptedGitHub(t, () => ({
      status: 403,
      json: { message: "You must authenticate via a GitHub App." },
    }));
    await assert.rejects(github.check(check("queued")), /GitHub accepts checks only from a GitHub App/);
  });
});

describe("a status", () => {
  const status = { repository: REPOSITORY, sha: SHA, context: "gh-runner/preview", state: "pending" } as const;

  it("is one write, with a description of GitHub's length on one line", async (t) => {
    const { github, requests } = await keepingGitHub(t);
    await github.status({ ...status, description: `two\nlines ${"🌍".repeat(100)}`, targetUrl: "https://example.com" });
    assert.equal(requests.length, 1);
    const { description, ...rest } = JSON.parse(requests[0]?.body ?? "");
    assert.deepEqual(rest, { context: "gh-runner/preview", state: "pending", target_url: "https://example.com" });
    assert.ok(description.startsWith("two lines 🌍") && description.length <= 140 && description.isWellFormed());
  });

  it("of exactly GitHub's maximum length is not cut", async (t) => {
    const { github, requests } = await keepingGitHub(t);
    await github.status({ ...status, description: "x".repeat(140) });
    assert.equal(JSON.parse(requests[0]?.body ?? "").description, "x".repeat(140));
  });

  it("names its permission, and the missing commit", async (t) => {
    const answers: Scripted[] = [
      { status: 403, json: { message: "Resource not accessible by integration" } },
      { status: 422, json: { message: `No commit found for SHA: ${SHA}` } },
    ];
    const { github } = await scriptedGitHub(t, () => answers.shift() ?? {});
    await assert.rejects(github.status(status), /Give the GitHub App "Commit statuses: write"/);
    await assert.rejects(github.status(status), /The commit is not in acme\/shop/);
  });
});

const deployment = (state: "in_progress" | "success" | "inactive", more: object = {}) => ({
  repository: REPOSITORY,
  sha: SHA,
  environment: "pr-7",
  key: "run-1",
  state,
  ...more,
});

describe("a deployment", () => {
  it("is made once, and gets each status once", async (t) => {
    const { github, deployments, statuses, writes } = await keepingGitHub(t);
    for (let times = 0; times < 2; times++) await github.deployment(deployment("in_progress"));
    for (let times = 0; times < 2; times++) {
      await github.deployment(deployment("success", { environmentUrl: "https://pr-7.example", logUrl: "https://log" }));
    }
    assert.equal(writes().length, 3);
    const { id: _, user: __, ...made } = deployments[0] as Row;
    assert.deepEqual(made, {
      ref: SHA,
      environment: "pr-7",
      auto_merge: false,
      required_contexts: [],
      production_environment: false,
      payload: { gh_runner_key: "run-1" },
    });
    assert.deepEqual(
      statuses.map(({ of, state, environment_url, log_url }) => [of, state, environment_url, log_url]),
      [
        [1, "in_progress", undefined, undefined],
        [1, "success", "https://pr-7.example", "https://log"],
      ],
    );
  });

  for (const fates of [
    ["lost before"],
    ["lost after"],
    ["given", "lost after"],
    ["given", "lost before"],
    ["lost after", "lost before", "lost after"],
  ] as Fate[][]) {
    it(`is made once, with one status, when the answers are ${fates.join(", then ")}`, async (t) => {
      const { github, deployments, statuses } = await keepingGitHub(t, { fates: [...fates] });
      await attempts(() => github.deployment(deployment("in_progress")));
      await attempts(() => github.deployment(deployment("success")));
      assert.equal(deployments.length, 1);
      assert.deepEqual(
        statuses.map(({ state }) => state),
        ["in_progress", "success"],
      );
    });
  }

  it("that was never created is not made inactive, and another's is left alone", async (t) => {
    const { github, deployments, writes } = await keepingGitHub(t);
    deployments.push(
      { id: -1, payload: '{"gh_runner_key":"run-0"}' },
      { id: -2, payload: "text" },
      { id: -3, payload: null },
    );
    await github.deployment(deployment("inactive"));
    assert.deepEqual(writes(), []);
    deployments.push({ id: -4, payload: '{"gh_runner_key":"run-1"}' });
    await github.deployment(deployment("inactive"));
    assert.deepEqual(writes(), ["POST /repos/acme/shop/deployments/-4/statuses"]);
  });
});

describe("cancelling an Actions run", () => {
  for (const [what, force, answers, paths] of [
    ["asks for it", false, [{ status: 202 }], ["POST cancel"]],
    ["forces it", true, [{ status: 202 }], ["POST force-cancel"]],
    [
      "leaves one that has ended",
      false,
      [
        { status: 409, json: { message: "Cannot cancel a workflow run that is completed." } },
        { json: { status: "completed" } },
        { json: { jobs: [] } },
      ],
      ["POST cancel", "GET 7", "GET jobs"],
    ],
  ] as const) {
    it(what, async (t) => {
      const left: Scripted[] = [...answers];
      const { github, requests } = await scriptedGitHub(t, () => left.shift() ?? { status: 500 });
      await github.cancelRun(REPOSITORY, 7, { force });
      assert.deepEqual(
        requests.map(({ method, path }) => `${method} ${path.split("/").at(-1)}`),
        paths,
      );
    });
  }

  it("is retried for one that is not queued yet", async (t) => {
    const { github } = await scriptedGitHub(t, ({ method }) =>
      method === "POST"
        ? { status: 409, json: { message: "Cannot cancel a workflow re-run that has not yet queued." } }
        : { json: { status: "requested" } },
    );
    await assert.rejects(github.cancelRun(REPOSITORY, 7), { kind: "transient" });
  });
});

describe("a report", () => {
  for (const [what, report] of [
    ["comment", (github) => github.comment(comment("x"))],
    ["check", (github) => github.check(check("queued"))],
    ["deployment", (github) => github.deployment(deployment("success"))],
  ] as const satisfies readonly (readonly [string, (github: GitHubClient) => Promise<void>])[]) {
    it(`is not created if its existence cannot be checked: ${what}`, async (t) => {
      const { github, requests } = await scriptedGitHub(t, () => ({ json: { message: "a proxy's" } }));
      await assert.rejects(report(github), /GitHub's answer does not have the expected content/);
      assert.equal(requests.length, 1);
    });
  }
});

describe("reports at the stand-in", () => {
  it("are one status, comment and deployment, whose newest state counts", async (t) => {
    const standIn = await startGitHub();
    t.after(() => standIn.close());
    standIn.token("token");
    const target = standIn.repository(REPOSITORY);
    target.addCommit(SHA);
    target.openPull({ number: 7 });
    const { github } = clientOf(t, standIn.url);
    for (const state of ["pending", "success"] as const) {
      await github.status({ repository: REPOSITORY, sha: SHA, context: "gh-runner/preview", state });
      await github.comment(comment(state));
      await github.deployment(deployment(state === "pending" ? "in_progress" : state));
    }
    assert.deepEqual(
      target.comments.map(({ body }) => body),
      ["<!-- gh-runner: pr-7 -->\nsuccess"],
    );
    assert.deepEqual(
      target.deployments.map(({ environment, statuses }) => [environment, statuses.map(({ state }) => state)]),
      [["pr-7", ["success", "in_progress"]]],
    );
    assert.deepEqual(target.statuses.map(({ state }) => state).sort(), ["pending", "success"]);
    await assert.rejects(github.check(check("queued")), /GitHub accepts checks only from a GitHub App/);
  });

  it("of a GitHub App each use a token with only that permission, and checks too", async (t) => {
    const standIn = await startGitHub();
    t.after(() => standIn.close());
    const target = standIn.repository(REPOSITORY);
    target.addCommit(SHA);
    target.openPull({ number: 7 });
    const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const publicKey = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
    const write = ["statuses", "checks", "deployments", "pull_requests", "actions"].map((name) => [name, "write"]);
    const permissions = { metadata: "read", ...Object.fromEntries(write) } as never;
    standIn.app({ id: 7, publicKey, installations: [{ id: 42, owner: "acme", suspended: false, permissions }] });
    const gitHub = await openedGitHub(t, {
      GITHUB_API_URL: standIn.url,
      GITHUB_APP_ID: "7",
      GITHUB_APP_PRIVATE_KEY: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    });
    const { github, actions } = gitHub.attempt({ name: "test" });
    for (const state of ["pending", "success"] as const) {
      await github.status({ repository: REPOSITORY, sha: SHA, context: "gh-runner/preview", state });
      await github.comment(comment(state));
      await github.deployment(deployment(state === "pending" ? "in_progress" : state));
      await github.check(state === "pending" ? check("in_progress") : check("completed", { conclusion: "success" }));
    }
    assert.deepEqual(
      target.comments.map(({ body }) => body),
      ["<!-- gh-runner: pr-7 -->\nsuccess"],
    );
    assert.deepEqual(
      target.checks.map(({ conclusion }) => conclusion),
      ["success"],
    );
    const id = standIn.actions.start(target, ".github/workflows/a.yml");
    await github.cancelRun(REPOSITORY, id);
    assert.equal((await actions.show(REPOSITORY, id)).ended?.conclusion, "cancelled");
    const asked = standIn.requests
      .filter(({ path }) => path.endsWith("/access_tokens"))
      .map(({ body }) => JSON.stringify(JSON.parse(body).permissions ?? "all"));
    assert.deepEqual(asked.sort(), [
      '"all"',
      '{"actions":"read"}',
      '{"actions":"write"}',
      '{"checks":"write"}',
      '{"deployments":"write"}',
      '{"statuses":"write"}',
    ]);
  });

  it("are one of each, in their last state, for any lost answers", async (t) => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const chance = chanceOf(seed);
    const standIn = await startGitHub();
    t.after(() => standIn.close());
    standIn.token("token");
    const target = standIn.repository(REPOSITORY);
    target.addCommit(SHA);
    target.openPull({ number: 7 });
    const { github } = clientOf(t, standIn.url);
    for (const afterHandling of [true, false]) {
      standIn.fault({ probability: 0.2, random: chance.next }, { kind: "reset", afterHandling });
    }
    for (let at = 0; at < 20; at++) {
      for (const state of ["in_progress", "success"] as const) {
        const status = state === "success" ? state : "pending";
        await attempts(() => github.status({ repository: REPOSITORY, sha: SHA, context: `c${at}`, state: status }));
        await attempts(() => github.comment(comment(`${at} ${state}`, `key-${at}`)));
        await attempts(() => github.deployment(deployment(state, { key: `run-${at}`, environment: `pr-${at}` })));
      }
    }
    const about = `seed ${seed}`;
    assert.deepEqual(
      target.comments.map(({ body }) => body),
      Array.from({ length: 20 }, (_, at) => `<!-- gh-runner: key-${at} -->\n${at} success`),
      about,
    );
    assert.deepEqual(
      target.deployments.map(({ environment, statuses }) => [environment, statuses.map(({ state }) => state)]),
      Array.from({ length: 20 }, (_, at) => [`pr-${at}`, ["success", "in_progress"]]),
      about,
    );
    for (let at = 0; at < 20; at++) {
      const states = target.statuses.filter(({ context }) => context === `c${at}`).map(({ state }) => state);
      // Per context the newest counts, and setting it twice is the same.
      assert.deepEqual([...new Set(states)], ["pending", "success"], about);
      assert.equal(states.at(-1), "success", about);
    }
  });
});
