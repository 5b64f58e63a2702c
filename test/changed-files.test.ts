import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { defineWorkflow, TransientFailure, type WebhookEvent } from "gh-runner";
import { type TestOptions, testRun } from "gh-runner/testing";
import { type ComparedFile, changeIn, differing, touchedByPush } from "../src/model/changed-files.ts";

const BEFORE = "b".repeat(40);
const AFTER = "a".repeat(40);
const ZEROS = "0".repeat(40);
const repository = { full_name: "acme/shop" };

const commit = (id: string, modified: readonly string[] = ["src/a.ts"], more = {}) => ({
  id: id.repeat(40).slice(0, 40),
  added: [],
  removed: [],
  modified,
  ...more,
});

/** A push of these commits. The last one is the new end of the branch. */
const push = (commits: readonly unknown[], more = {}) => ({
  ...{ ref: "refs/heads/main", before: BEFORE, after: AFTER, created: false, deleted: false, forced: false },
  ...{ commits, head_commit: commits.at(-1) ?? null, repository },
  ...more,
});

const event = (name: string, payload: unknown) => ({ name, delivery: "1", payload }) as unknown as WebhookEvent;

describe("where the changed files of a push are read", () => {
  const of = (payload: unknown) => changeIn({ name: "push", payload });

  it("is its payload, for one commit", () => {
    const its = commit("a", ["m.ts"], { added: ["a.ts"], removed: ["r.ts"] });
    assert.deepEqual(of(push([its])), { known: ["a.ts", "r.ts", "m.ts"] });
  });

  it("is a comparison for several: a file may have been changed back", () => {
    assert.deepEqual(of(push([commit("c"), commit("a")])), { base: BEFORE, head: AFTER });
  });

  it("is a comparison where the payload may lack some", () => {
    const compared = { base: BEFORE, head: AFTER };
    assert.deepEqual(of(push([])), compared);
    assert.deepEqual(of(push([commit("a", [])])), compared);
    assert.deepEqual(of(push([commit("c")])), compared);
    assert.deepEqual(
      of(
        push([
          commit(
            "a",
            Array.from({ length: 300 }, (_, at) => `${at}`),
          ),
        ]),
      ),
      compared,
    );
    assert.deepEqual(of(push([{ id: AFTER }])), compared);
  });

  it("is two comparisons for one that replaces commits", () => {
    assert.deepEqual(of(push([commit("a")], { forced: true })), { base: BEFORE, head: AFTER, isForced: true });
  });

  it("is the payload or the parent of its deepest commit for a new branch", () => {
    const made = { created: true, before: ZEROS };
    assert.deepEqual(of(push([commit("a")], made)), { known: ["src/a.ts"] });
    assert.deepEqual(of(push([commit("d"), commit("a")], made)), { parentOf: "d".repeat(40), head: AFTER });
    assert.deepEqual(of(push([], { ...made, head_commit: commit("a", ["x"]) })), { known: ["x"] });
    assert.deepEqual(of(push([], { ...made, head_commit: null })), { parentOf: AFTER, head: AFTER });
  });

  it("is nowhere for one that deletes: it changes none", () => {
    assert.deepEqual(of(push([], { deleted: true, after: ZEROS, forced: false })), { known: [] });
    assert.deepEqual(of(push([], { deleted: true, after: ZEROS, forced: true })), { known: [] });
  });

  it("is the numbered pull request or the merge group, and nothing else", () => {
    const pull = { number: 7 };
    assert.deepEqual(changeIn({ name: "pull_request_review", payload: { pull_request: pull } }), { pull: 7 });
    assert.deepEqual(changeIn({ name: "issue_comment", payload: { issue: { ...pull, pull_request: {} } } }), {
      pull: 7,
    });
    assert.equal(changeIn({ name: "issue_comment", payload: { issue: pull } }), undefined);
    const group = { base_sha: BEFORE, head_sha: AFTER };
    assert.deepEqual(changeIn({ name: "merge_group", payload: { merge_group: group } }), { base: BEFORE, head: AFTER });
    for (const payload of [null, {}, "push", { commits: {} }]) assert.equal(of(payload), undefined);
  });

  it("is not needed for filters that it cannot match", () => {
    const touched = (payload: unknown) => touchedByPush({ name: "push", payload });
    assert.deepEqual(touched(push([commit("c", ["x", "y"]), commit("a", ["y", "z"])])), ["x", "y", "z"]);
    assert.equal(touched(push(Array(1000).fill(commit("a")))), undefined);
    assert.equal(touched(push([commit("c", []), commit("a")])), undefined);
    assert.equal(touched(push([commit("a")], { forced: true })), undefined);
    assert.equal(touchedByPush({ name: "pull_request", payload: push([commit("a")]) }), undefined);
  });
});

describe("what differs after a push that replaces commits", () => {
  it("is found from two comparisons with the ancestor, for any three trees", () => {
    const content = fc.constantFrom("1", "2", "3");
    const tree = fc.dictionary(fc.constantFrom("a", "b", "c", "d", "e"), content);
    fc.assert(
      fc.property(tree, tree, tree, (ancestor, before, after) => {
        const paths = ["a", "b", "c", "d", "e"].filter((path) => before[path] !== after[path]);
        const found = differing(comparedTrees(ancestor, before), comparedTrees(ancestor, after));
        assert.deepEqual([...found].sort(), paths);
      }),
      { numRuns: 2000 },
    );
  });
});

type Tree = Readonly<Record<string, string>>;

/** GitHub's list of the files: a deleted file and a new one with the same content make a rename. */
function comparedTrees(from: Tree, to: Tree): ComparedFile[] {
  const removed = Object.keys(from).filter((path) => !(path in to));
  const files: ComparedFile[] = [];
  for (const [filename, sha] of Object.entries(to)) {
    if (from[filename] === sha) continue;
    const earlier = filename in from ? undefined : removed.find((path) => from[path] === sha);
    if (earlier !== undefined) {
      removed.splice(removed.indexOf(earlier), 1);
      files.push({ filename, sha, status: "renamed", previous_filename: earlier });
    } else {
      files.push({ filename, sha, status: filename in from ? "modified" : "added" });
    }
  }
  return [...files, ...removed.map((filename) => ({ filename, sha: from[filename] ?? "", status: "removed" }))];
}

const workflow = defineWorkflow({
  name: "files",
  on: { github: { events: ["pull_request", "push", "issues"] } },
  async run({ changedFiles, attempt }) {
    const [files, again] = await Promise.all([changedFiles(), changedFiles()]);
    if (attempt === 1) throw new TransientFailure({ tried: "a", happened: "b", remedy: "c" });
    return { count: files.length, first: files[0] ?? null, same: files === again };
  },
});

/** Runs it twice, as after a passing fault. */
async function ran(given: WebhookEvent, options: TestOptions = {}) {
  const first = await testRun(workflow, { event: given } as never, options);
  const tested = first.run.status === "queued" ? await first.advance("1m") : first;
  const asked = tested.github.requests.map(({ path, query }) => (query ? `${path}?${query}` : path));
  return { ...tested, asked };
}

describe("changedFiles", () => {
  it("asks once per 100 files and run, for a pull request", async () => {
    const files = Array.from({ length: 250 }, (_, at) => `src/${at}.ts`);
    const prepare: TestOptions["prepare"] = (github) =>
      void github.repository("acme/shop").openPull({ number: 7, files });
    const { run, asked, steps } = await ran(event("pull_request", { repository, pull_request: { number: 7 } }), {
      prepare,
    });
    assert.deepEqual([run.status, run.outputs], ["success", { count: 250, first: "src/0.ts", same: true }]);
    assert.equal(asked.length, 3);
    assert.deepEqual(
      steps.map(({ name }) => name),
      ["changed files", "changed files (2)", "changed files (3)"],
    );
  });

  it("says in the log that GitHub shows 3,000 files of a pull request", async () => {
    const files = Array.from({ length: 3001 }, (_, at) => `src/${at}.ts`);
    const prepare: TestOptions["prepare"] = (github) =>
      void github.repository("acme/shop").openPull({ number: 7, files });
    const { run, log } = await ran(event("pull_request", { repository, pull_request: { number: 7 } }), { prepare });
    assert.equal((run.outputs as { count: number }).count, 3000);
    assert.ok(
      log.some(({ level, message }) => level === "warn" && message === "GitHub does not show all changed files"),
    );
  });

  it("asks for nothing that the payload of a push has", async () => {
    const { run, asked } = await ran(event("push", push([commit("a", ["docs/a.md"])])));
    assert.deepEqual([run.outputs, asked], [{ count: 1, first: "docs/a.md", same: true }, []]);
  });

  const compare = (base: string, head: string) => `GET /repos/acme/shop/compare/${base}...${head}`;
  const compared = (files: readonly unknown[], total_commits = 2) => ({ body: { files, total_commits } });

  it("compares once for a push of several commits", async () => {
    const answers = { [compare(BEFORE, AFTER)]: compared([{ filename: "src/x.ts", status: "modified", sha: "1" }]) };
    const { run, asked } = await ran(event("push", push([commit("c"), commit("a")])), { answers });
    assert.deepEqual(run.outputs, { count: 1, first: "src/x.ts", same: true });
    assert.equal(asked.length, 1);
  });

  it("finds what differs when a push replaces commits", async () => {
    const file = (filename: string, sha: string, more = {}) => ({ filename, sha, status: "modified", ...more });
    const moved = { status: "renamed", previous_filename: "old.ts" };
    const answers = {
      [compare(BEFORE, AFTER)]: compared([file("both.ts", "1"), file("new.ts", "2", moved), file("other.ts", "3")]),
      [compare(AFTER, BEFORE)]: compared([file("both.ts", "1"), file("other.ts", "4"), file("gone.ts", "5")]),
    };
    const all: string[] = [];
    const lists = defineWorkflow({
      name: "lists",
      on: { github: { events: "push" } },
      async run({ changedFiles }) {
        all.push(...(await changedFiles()));
      },
    });
    const given = event("push", push([commit("a")], { forced: true })) as WebhookEvent<"push">;
    const { run } = await testRun(lists, { event: given }, { answers });
    assert.equal(run.status, "success");
    assert.deepEqual(all.sort(), ["gone.ts", "new.ts", "old.ts", "other.ts"]);
  });

  it("compares with the parent of the deepest commit of a new branch", async () => {
    const parent = "e".repeat(40);
    const answers = {
      [`GET /repos/acme/shop/commits/${"d".repeat(40)}`]: { body: { parents: [{ sha: parent }] } },
      [compare(parent, AFTER)]: compared([{ filename: "x", status: "added", sha: "1" }]),
    };
    const given = push([commit("d"), commit("a")], { created: true, before: ZEROS });
    const { run } = await ran(event("push", given), { answers });
    assert.deepEqual(run.outputs, { count: 1, first: "x", same: true });
  });

  it("has none, with a line in the log, where GitHub has no comparison", async () => {
    const { run, log } = await ran(event("push", push([commit("c"), commit("a")])));
    assert.deepEqual(run.outputs, { count: 0, first: null, same: true });
    assert.ok(log.some(({ message }) => message === "GitHub does not show all changed files"));
  });

  it("fails for an event that changes no files", async () => {
    const { run } = await ran(event("issues", { repository, issue: { number: 1 } }));
    assert.equal(run.status, "failure");
    assert.match(
      run.reason ?? "",
      /^Reading the changed files failed: the event issues has no changed files. Call changedFiles only in/,
    );
  });
});
