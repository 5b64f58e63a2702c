import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import type { Failure } from "../src/model/failure.ts";
import type { UnsentWrite } from "../src/model/network.ts";
import { openedGitHub } from "./support/opened-github.ts";
import { clientOf, scriptedGitHub } from "./support/scripted-github.ts";

const PUT = "PUT /repos/{owner}/{repo}/contents/{path}";
const OPEN = "POST /repos/{owner}/{repo}/pulls";
const REFS = "POST /repos/{owner}/{repo}/git/refs";

/** A repository with one file, and the `github` of a workflow. */
async function scene(t: TestContext) {
  const stand = await startGitHub();
  t.after(() => stand.close());
  stand.token("token");
  const shop = stand.repository("acme/shop");
  shop.put("VERSION", "1\n");
  const { github } = clientOf(t, stand.url);
  const text = (path: string, ref = "main") => shop.file(path, ref)?.bytes.toString();
  return { stand, shop, github, text, sent: () => writes(stand) };
}

const writes = ({ requests }: StandInGitHub) =>
  requests.filter(({ method }) => method !== "GET").map(({ method, path, status }) => `${status} ${method} ${path}`);

const write = { message: "Update it", branch: "bot/version" };
const pull = { repository: "acme/shop", head: "bot/version", title: "Version 2", body: "Read **this**." };

describe("writeFile", () => {
  it("makes one commit if the text differs, otherwise none", async (t) => {
    const { github, text, sent } = await scene(t);
    const written = await github.writeFile("acme/shop", "VERSION", "2\n", { message: "Version 2" });
    assert.equal(written.changed, true);
    assert.match(written.commit ?? "", /^[0-9a-f]{40}$/);
    assert.equal(text("VERSION"), "2\n");
    assert.deepEqual(await github.writeFile("acme/shop", "VERSION", "2\n", { message: "Version 2" }), {
      changed: false,
    });
    await github.writeFile("acme/shop", "docs/new file.md", new TextEncoder().encode("Grüße"), { message: "New" });
    assert.equal(text("docs/new file.md"), "Grüße");
    assert.deepEqual(
      sent().map((line) => line.slice(0, 7)),
      ["200 PUT", "201 PUT"],
    );
  });

  it("creates a missing branch if the text differs", async (t) => {
    const { github, shop, text, sent } = await scene(t);
    assert.deepEqual(await github.writeFile("acme/shop", "VERSION", "1\n", write), { changed: false });
    assert.deepEqual([shop.branches(), sent()], [["main"], []]);
    assert.equal((await github.writeFile("acme/shop", "VERSION", "2\n", write)).changed, true);
    assert.deepEqual([text("VERSION"), text("VERSION", "bot/version")], ["1\n", "2\n"]);
    assert.equal((await github.writeFile("acme/shop", "OTHER", "x", write)).changed, true);
    assert.deepEqual(
      sent().map((line) => line.slice(0, 8)),
      ["201 POST", "200 PUT ", "201 PUT "],
    );
  });

  it("reads again after another writer changed the file", async (t) => {
    const { stand, github, shop, text } = await scene(t);
    let overtaken = 0;
    stand.fault({ route: PUT, times: 1 }, () => {
      shop.put("VERSION", `other ${++overtaken}\n`);
      return { kind: "delay", ms: 0 };
    });
    assert.equal((await github.writeFile("acme/shop", "VERSION", "2\n", { message: "Version 2" })).changed, true);
    assert.deepEqual([overtaken, text("VERSION")], [1, "2\n"]);
    stand.fault({ route: PUT }, () => {
      shop.put("VERSION", `other ${++overtaken}\n`);
      return { kind: "delay", ms: 0 };
    });
    const again = github.writeFile("acme/shop", "VERSION", "3\n", { message: "Version 3" });
    await assert.rejects(
      again,
      (error: Failure) => error.kind === "transient" && /others write to the same file/.test(error.message),
    );
    assert.equal(overtaken, 5);
  });

  it("does not write twice after a lost answer, and says which commit it was", async (t) => {
    const { stand, github, shop, sent } = await scene(t);
    stand.fault({ route: PUT, times: 1 }, { kind: "reset", afterHandling: true });
    const { changed, commit } = await github.writeFile("acme/shop", "VERSION", "2\n", { message: "Version 2" });
    assert.deepEqual([changed, commit, sent().length], [true, shop.commitOf("main"), 1]);
  });

  it("leaves a write that GitHub never received to the next attempt", async (t) => {
    const { stand, github, sent, text } = await scene(t);
    stand.fault({ route: PUT, times: 1 }, { kind: "reset" });
    const options = { message: "Version 2" };
    await assert.rejects(github.writeFile("acme/shop", "VERSION", "2\n", options), { kind: "transient" });
    assert.equal((await github.writeFile("acme/shop", "VERSION", "2\n", options)).changed, true);
    assert.deepEqual([sent().length, text("VERSION")], [2, "2\n"]);
  });

  it("continues if the branch was created and its answer lost", async (t) => {
    const { stand, github, text } = await scene(t);
    stand.fault({ route: REFS, times: 1 }, { kind: "reset", afterHandling: true });
    assert.equal((await github.writeFile("acme/shop", "VERSION", "2\n", write)).changed, true);
    assert.equal(text("VERSION", "bot/version"), "2\n");
  });

  it("reports what GitHub rejects, and does not retry it", async (t) => {
    const { stand, github, shop, sent } = await scene(t);
    const body = JSON.stringify({
      message: "Repository rule violations found: changes must be made through a pull request.",
    });
    stand.fault({ route: PUT }, { kind: "status", status: 409, body, headers: { "content-type": "application/json" } });
    const rejected = github.writeFile("acme/shop", "VERSION", "2\n", { message: "Version 2" });
    await assert.rejects(rejected, {
      kind: "permanent",
      message: /Writing VERSION in acme\/shop failed: GitHub answered 409 "Repository rule.*openPull/,
    });
    assert.equal(sent().length, 1);
    shop.put("docs/a.md", "a");
    await assert.rejects(github.writeFile("acme/shop", "docs", "x", { message: "x" }), /a directory or a submodule/);
    await assert.rejects(
      github.writeFile("acme/shop", "VERSION", "2\n", { ...write, base: "none" }),
      /GitHub answered 404/,
    );
  });
});

describe("openPull", () => {
  it("opens one, then updates it, and never opens two", async (t) => {
    const { github, shop, sent } = await scene(t);
    await github.writeFile("acme/shop", "VERSION", "2\n", write);
    const opened = await github.openPull({ ...pull, labels: ["release"], draft: true });
    assert.deepEqual(opened, { number: 1, htmlUrl: "https://github.com/acme/shop/pull/1", created: true });
    const again = await github.openPull({ ...pull, title: "Version 3", labels: ["Release", "bot"] });
    assert.deepEqual(again, { ...opened, created: false });
    const { title, body, labels, draft, base } = shop.pulls.get(1) ?? assert.fail();
    assert.deepEqual([title, body, labels, draft, base], ["Version 3", pull.body, ["release", "bot"], true, "main"]);
    const before = sent().length;
    await github.openPull({ ...pull, title: "Version 3" });
    assert.equal(sent().length, before);
    assert.equal(shop.pulls.size, 1);
  });

  it("opens none if there is nothing to merge", async (t) => {
    const { github, shop } = await scene(t);
    assert.equal(await github.openPull(pull), undefined);
    shop.addBranch("bot/version", "main");
    assert.equal(await github.openPull(pull), undefined);
    assert.equal(shop.pulls.size, 0);
  });

  it("opens another after the first is closed, and one per base", async (t) => {
    const { stand, github, shop } = await scene(t);
    await github.writeFile("acme/shop", "VERSION", "2\n", write);
    shop.addBranch("stable", "main");
    await github.openPull(pull);
    assert.equal((await github.openPull({ ...pull, base: "stable" }))?.number, 2);
    stand.closePull(shop, 1);
    assert.equal((await github.openPull(pull))?.number, 3);
  });

  it("finds the one whose answer was lost, and one that another client just opened", async (t) => {
    const { stand, github, shop } = await scene(t);
    await github.writeFile("acme/shop", "VERSION", "2\n", write);
    stand.fault({ route: OPEN, times: 1 }, { kind: "reset", afterHandling: true });
    assert.equal((await github.openPull(pull))?.number, 1);
    stand.closePull(shop, 1);
    stand.fault({ route: OPEN, times: 1 }, () => {
      shop.openPull({ head: { ref: "bot/version", sha: "0".repeat(40) }, title: "By hand" });
      return { kind: "delay", ms: 0 };
    });
    assert.deepEqual(await github.openPull(pull), {
      number: 2,
      htmlUrl: "https://github.com/acme/shop/pull/2",
      created: false,
    });
    assert.equal(shop.pulls.get(2)?.title, pull.title);
  });

  it("finds it by the owner's current name", async (t) => {
    const { github, shop } = await scene(t);
    await github.writeFile("acme/shop", "VERSION", "2\n", write);
    await github.openPull(pull);
    shop.rename("emca/shop");
    assert.equal((await github.openPull(pull))?.created, false);
  });
});

describe("openPull of a fork", () => {
  it("looks for its owner's branch, and updates what is open", async (t) => {
    const { github, requests } = await scriptedGitHub(t, ({ method, path, query }) => {
      if (path === "/repos/acme/shop") return { json: { default_branch: "main", owner: { login: "acme" } } };
      const open = {
        number: 7,
        title: "Before",
        head: { ref: "fix" },
        html_url: "https://github.com/acme/shop/pull/7",
      };
      return { json: method === "PATCH" ? open : query.get("head") === "octocat:fix" ? [open] : [] };
    });
    const opened = await github.openPull({ repository: "acme/shop", head: "octocat:fix", title: "After" });
    assert.deepEqual([opened?.number, opened?.created], [7, false]);
    assert.deepEqual(
      requests.map(({ method }) => method),
      ["GET", "GET", "PATCH"],
    );
  });
});

describe("a dry run", () => {
  it("shows the commit and the pull request, and sends neither", async (t) => {
    const { stand, shop } = await scene(t);
    const opened = await openedGitHub(t, { GITHUB_API_URL: stand.url, GITHUB_TOKEN: "token" });
    const shown: string[] = [];
    const dryRun = ({ method, url }: UnsentWrite) => void shown.push(`${method} ${new URL(url).pathname}`);
    const { github } = opened.attempt({ name: "test", dryRun });
    assert.deepEqual(await github.writeFile("acme/shop", "VERSION", "2\n", write), { changed: true });
    assert.deepEqual(await github.openPull({ ...pull, labels: ["bot"] }), { number: 0, htmlUrl: "", created: true });
    assert.deepEqual(shown, [
      "POST /repos/acme/shop/git/refs",
      "PUT /repos/acme/shop/contents/VERSION",
      "POST /repos/acme/shop/pulls",
      "POST /repos/acme/shop/issues/0/labels",
    ]);
    assert.deepEqual([writes(stand), shop.branches()], [[], ["main"]]);
  });
});
