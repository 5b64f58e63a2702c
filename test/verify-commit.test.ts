import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { deploy, notify, startService, TARGET, TOKEN } from "./support/service.ts";

const COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8";
const COMMITS = "/repos/acme/shop/commits/";

async function verifying(t: TestContext) {
  const service = await startService(t, { settings: { VERIFY_COMMIT: "true" } });
  service.github.repository(TARGET).addCommit(COMMIT);
  return service;
}

describe("VERIFY_COMMIT", () => {
  for (const tag of [COMMIT, COMMIT.slice(0, 7)]) {
    it(`dispatches ${tag} as written in the file, because the commit exists`, async (t) => {
      const { github, url } = await verifying(t);
      deploy(github, "pr-1", tag);
      assert.equal((await notify(url, { application: "pr-1" })).json.commitHash, tag);
      const asked = github.requests.find(({ path }) => path.startsWith(COMMITS));
      assert.equal(asked?.headers.accept, "application/vnd.github.sha");
    });
  }

  it("accepts a tag for its commit", async (t) => {
    const { github, url } = await verifying(t);
    github.repository(TARGET).addTag("v1.2.3", COMMIT);
    github.repository(TARGET).addTag("2024", COMMIT);
    for (const tag of ["v1.2.3", "2024"]) {
      deploy(github, "pr-1", tag);
      assert.equal((await notify(url, { application: "pr-1" })).json.commitHash, tag);
    }
  });

  for (const branch of ["main", "feature", "bad1dea", "HEAD"]) {
    it(`rejects a branch, because it may name another commit tomorrow: ${branch}`, async (t) => {
      const { github, url } = await verifying(t);
      github.repository(TARGET).put("a", "", branch);
      deploy(github, "pr-1", branch);
      const answer = await notify(url, { application: "pr-1" });
      assert.equal(answer.status, 500);
      assert.match(answer.json.detail, new RegExp(`has no commit ${branch}.* accepts a hash or a tag, not a branch`));
      assert.equal(github.dispatches.length, 0);
    });
  }

  it("names file, key and value when there is no such commit, and dispatches nothing", async (t) => {
    const { github, url } = await verifying(t);
    deploy(github, "pr-1", "0badc0de");
    const answer = await notify(url, { application: "pr-1" });
    assert.equal(answer.status, 500);
    assert.match(
      answer.json.detail,
      /acme\/shop has no commit 0badc0de.*global\.config\.DEPLOYMENT_TAG in configs\/pr\/light\/pr-1\/values\.yaml in acme\/deployment/,
    );
    assert.equal(github.dispatches.length, 0);
  });

  for (const tag of [
    "..",
    ".",
    "../../../user",
    "a/b",
    `${COMMIT}/status`,
    '"%2e%2e"',
    "a?b#c",
    "ü€",
    '"\\ud800"',
    '"a\\nb"',
  ]) {
    it(`requests only a commit when the tag is ${tag}`, async (t) => {
      const { github, url } = await verifying(t);
      deploy(github, "pr-1", tag);
      const answer = await notify(url, { application: "pr-1" });
      assert.equal(answer.status, 500);
      assert.match(
        answer.json.detail,
        /has no commit|is not a valid git revision|an invisible character|cannot be seen|not valid YAML/,
      );
      const others = github.requests.filter(({ path }) => !path.includes("/contents/"));
      for (const { method, path, query } of others) {
        assert.ok(method === "GET" && path.startsWith(COMMITS) && query === "", `${method} ${path} ${query}`);
        assert.match(path.slice(COMMITS.length), /^(?!\.\.?$)[^/]+$/);
      }
      assert.equal(github.dispatches.length, 0);
    });
  }

  it("rejects an answer without a hash", async (t) => {
    const { github, url } = await verifying(t);
    deploy(github, "pr-1", "abc");
    github.fault({ route: "GET /repos/{owner}/{repo}/commits/{ref}" }, { kind: "status", status: 200, body: "[]" });
    assert.match((await notify(url, { application: "pr-1" })).json.detail, /has no commit abc/);
  });

  it("does not call a commit missing in a repository that the token cannot see", async (t) => {
    const { github, url } = await verifying(t);
    deploy(github, "pr-1", COMMIT);
    github.token(TOKEN, { repositories: ["acme/deployment"] });
    const answer = await notify(url, { application: "pr-1" });
    assert.match(answer.json.detail, /acme\/shop does not exist or the token cannot see it/);
    assert.doesNotMatch(answer.json.detail, /no commit/);
  });

  it("does not call a commit missing because GitHub fails", async (t) => {
    const { github, url } = await verifying(t);
    deploy(github, "pr-1", COMMIT);
    github.fault({ route: "GET /repos/{owner}/{repo}/commits/{ref}" }, { kind: "status", status: 503 });
    assert.match((await notify(url, { application: "pr-1" })).json.detail, /answered 503.*retried automatically/);
  });
});
