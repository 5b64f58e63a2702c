import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { exampleEvent, testRun } from "gh-runner/testing";
import backport from "./backport.ts";

/** git can merge without a work tree since 2.38. */
const canMerge = spawnSync("git", ["merge-tree", "-h"], { encoding: "utf8" }).stdout?.includes("--write-tree") ?? false;

/** A repository with `main` and `release-1.2`. git gives its answers. */
function gitHubOf(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "backport-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const who = ["-c", "user.name=Octocat", "-c", "user.email=octocat@example.com", "-C", folder];
  const git = (...given: string[]) => execFileSync("git", [...who, ...given], { encoding: "utf8" }).trim();
  const shown = (format: string, sha: string) => git("show", "-s", `--format=${format}`, sha);
  const commitOf = (sha: string) => ({
    ...{ sha, message: shown("%B", sha), author: { name: "Octocat", email: "octocat@example.com" } },
    tree: { sha: shown("%T", sha) },
    parents: shown("%P", sha)
      .split(" ")
      .filter(Boolean)
      .map((parent) => ({ sha: parent })),
  });
  const commitTree = (tree: string, parents: readonly string[], message: string) =>
    git("commit-tree", tree, ...parents.flatMap((parent) => ["-p", parent]), "-m", message);
  const set = (ref: string, sha: string) => void git("update-ref", ref, sha);

  git("init", "--quiet", "--initial-branch=main");
  /** Commits a file on the branch that is checked out. */
  function commit(file: string, text: string, message = `Change ${file}`): string {
    writeFileSync(join(folder, file), text);
    git("add", file);
    git("commit", "--quiet", "-m", message);
    return git("rev-parse", "HEAD");
  }
  commit("a.txt", "1\n2\n3\n");
  git("branch", "release-1.2");

  const run = (merged: string, label: string) =>
    testRun(
      backport,
      {
        event: exampleEvent("pull_request", "closed", {
          number: 7,
          repository: "acme/shop",
          pull_request: { title: "Fix it", merged: true, merge_commit_sha: merged, labels: [{ name: label }] },
        }),
      },
      {
        answers: {
          "GET /repos/{owner}/{repo}/git/ref/{ref}": ({ parameters }) => ({
            body: { object: { sha: git("rev-parse", `refs/${parameters.ref}`) } },
          }),
          "GET /repos/{owner}/{repo}/git/commits/{commit_sha}": ({ parameters }) => ({
            body: commitOf(String(parameters.commit_sha)),
          }),
          "POST /repos/{owner}/{repo}/git/commits": ({ body: { tree, parents = [], message } }) => ({
            body: commitOf(commitTree(tree, parents, message)),
          }),
          "POST /repos/{owner}/{repo}/git/refs": ({ body: { ref, sha } }) => {
            set(ref, sha);
            return { body: {} };
          },
          "PATCH /repos/{owner}/{repo}/git/refs/{ref}": ({ parameters, body: { sha } }) => {
            set(`refs/${parameters.ref}`, sha);
            return { body: {} };
          },
          "DELETE /repos/{owner}/{repo}/git/refs/{ref}": ({ parameters }) => {
            git("update-ref", "-d", `refs/${parameters.ref}`);
            return { status: 204 };
          },
          "POST /repos/{owner}/{repo}/merges": ({ body: { base, head } }) => {
            const merge = spawnSync("git", ["-C", folder, "merge-tree", "--write-tree", base, head], {
              encoding: "utf8",
            });
            if (merge.status !== 0) return { status: 409, body: { message: "Merge conflict" } };
            return { body: { commit: { tree: { sha: merge.stdout.trim() } } } };
          },
          "GET /repos/{owner}/{repo}/pulls": { body: [] },
          "POST /repos/{owner}/{repo}/pulls": { body: { number: 8, html_url: "https://github.com/acme/shop/pull/8" } },
        },
      },
    );
  return { git, commit, run };
}

describe("backport", { skip: canMerge ? false : "git is older than 2.38" }, () => {
  it("creates the same commit as git cherry-pick, in a pull request to the branch", async (t) => {
    const { git, commit, run } = gitHubOf(t);
    commit("main.txt", "only on main\n");
    const merged = commit("a.txt", "1\n2\nthree\n", "Fix it (#7)");
    git("checkout", "--quiet", "release-1.2");
    commit("a.txt", "one\n2\n3\n");

    const tested = await run(merged, "backport 1.2");
    assert.equal(tested.run.status, "success", tested.run.reason ?? "");
    const opened = tested.sent.find(({ path }) => path === "/repos/acme/shop/pulls")?.body;
    const [base, head] = ["release-1.2", "backport-7-to-release-1.2"];
    assert.deepEqual(opened, { base, head, title: "[release-1.2] Fix it", body: "Backport of #7." });
    const picked = git("rev-parse", `${head}^{tree}`);
    assert.equal(git("rev-parse", `${head}^`), git("rev-parse", base));
    assert.equal(git("show", "-s", "--format=%s", head), "Fix it (#7)");
    git("cherry-pick", merged);
    assert.equal(picked, git("rev-parse", "HEAD^{tree}"));
  });

  it("reports where it conflicts, and leaves no branch behind", async (t) => {
    const { git, commit, run } = gitHubOf(t);
    const merged = commit("a.txt", "1\n2\nthree\n");
    git("checkout", "--quiet", "release-1.2");
    commit("a.txt", "1\n2\ntrois\n");
    const tested = await run(merged, "backport 1.2");
    assert.deepEqual(
      [tested.run.status, tested.run.reason],
      ["failure", "It conflicts with release-1.2: pick it there by hand."],
    );
    assert.equal(git("branch", "--list", "backport-*"), "");
  });

  it("does nothing without its label", async (t) => {
    const { commit, run } = gitHubOf(t);
    const tested = await run(commit("a.txt", "1\n"), "bug");
    assert.deepEqual([tested.run.status, tested.sent], ["success", []]);
  });
});
