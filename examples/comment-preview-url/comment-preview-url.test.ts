import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { until } from "../../test/support/clock.ts";
import { startExample } from "../../test/support/example.ts";

const CREATE = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";
const UPDATE = "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}";

/** Previews that answer 503 until they are ready. */
async function scene(t: TestContext) {
  const previews = { up: true, asked: 0 };
  const server = createServer((_, answer) => {
    previews.asked++;
    answer.writeHead(previews.up ? 200 : 503).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const example = await startExample(t, "comment-preview-url", { settings: { PREVIEW_URL: `${url}/{application}` } });
  const shop = example.github.repository("acme/shop");
  shop.openPull({ number: 7 });
  shop.comments.push({ id: 1, issue: 7, author: "hubot", body: "Looks good" });
  const deployed = (revision: string) =>
    example.argocd("/preview-deployed", { application: "pr-7", revision: revision.repeat(40) });
  const comments = () => shop.comments.map(({ body }) => body);
  return { ...example, previews, url, deployed, comments };
}

describe("comment-preview-url", () => {
  it("comments the preview's URL on the pull request, and later updates that comment", async (t) => {
    const { deployed, comments, url, done } = await scene(t);
    assert.equal((await deployed("a")).json.done, "created");
    assert.deepEqual(comments()[1], `<!-- preview-url -->\nPreview: ${url}/pr-7 (\`aaaaaaaaaa\`)`);
    assert.equal((await deployed("b")).json.done, "updated");
    assert.deepEqual(comments(), ["Looks good", `<!-- preview-url -->\nPreview: ${url}/pr-7 (\`bbbbbbbbbb\`)`]);
    assert.deepEqual([done(CREATE), done(UPDATE)], [1, 1]);
  });

  it("writes nothing when there is nothing new", async (t) => {
    const { deployed, done } = await scene(t);
    await deployed("a");
    assert.equal((await deployed("a")).json.done, "left as it was");
    assert.deepEqual([done(CREATE), done(UPDATE)], [1, 0]);
  });

  it("finds its comment after hundreds of others", async (t) => {
    const { deployed, comments, github, done } = await scene(t);
    const shop = github.repository("acme/shop");
    for (let id = 2; id < 250; id++) shop.comments.push({ id, issue: 7, author: "hubot", body: `No ${id}` });
    await deployed("a");
    await deployed("b");
    assert.deepEqual([comments().length, done(CREATE), done(UPDATE)], [250, 1, 1]);
  });

  it("waits until the preview answers", async (t) => {
    const { deployed, comments, previews, clock, lastRun } = await scene(t);
    previews.up = false;
    const answer = deployed("a");
    await until("the preview was asked", () => previews.asked === 1 && clock.next() !== undefined);
    assert.equal(comments().length, 1);
    previews.up = true;
    await until("the preview is asked again", () => {
      clock.move(1000);
      return previews.asked > 1;
    });
    await answer;
    await lastRun();
    assert.equal(comments().length, 2);
  });

  it("comments once if the answer is lost", async (t) => {
    const { deployed, comments, github, recover, lastRun } = await scene(t);
    github.fault({ route: CREATE }, { kind: "reset", afterHandling: true });
    assert.equal((await deployed("a")).status, 500);
    await recover();
    assert.equal((await lastRun()).outputs.done, "left as it was");
    assert.equal(comments().length, 2);
  });

  it("comments once if GitHub fails in between", async (t) => {
    const { deployed, comments, breakDown, recover, lastRun, done } = await scene(t);
    breakDown({ route: CREATE });
    assert.equal((await deployed("a")).status, 500);
    await recover();
    assert.equal((await lastRun()).status, "success");
    assert.deepEqual([comments().length, done(CREATE)], [2, 1]);
  });
});
