import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ALICE, openScene } from "./support/scene/scene.ts";
import { send } from "./support/service.ts";
import { walk } from "./support/walk.ts";

/** More than the kinds of pages in the scene. */
const MOST_PAGES = 400;

describe("without JavaScript", () => {
  it("every link leads to a page, and every form is accepted", async (t) => {
    const scene = await openScene(t);
    const headers = { authorization: `Bearer ${ALICE}`, accept: "text/html" };
    const walked = await walk({
      async get(path) {
        const { status, text, headers: its } = await send(scene.url, { path, headers });
        return { status, text, type: String(its["content-type"]) };
      },
      from: ["/", scene.callback.slice(scene.url.length)],
      most: MOST_PAGES,
    });
    t.diagnostic(`${walked.length} pages`);
    assert.ok(walked.length < MOST_PAGES, "the walk came everywhere");
    const broken = walked.filter(({ status }) => status !== 200);
    assert.deepEqual(
      broken.map(({ path, from, status }) => `${path} on ${from} is answered ${status}`),
      [],
    );
    for (const page of [
      "/previews",
      "/workflows",
      "/workflows/release/start",
      "/bulk/rerun",
      "/bulk/cancel",
      "/audit",
    ]) {
      assert.ok(
        walked.some(({ path }) => path.startsWith(page)),
        `${page} is linked`,
      );
    }

    for (const { path, text } of walked) {
      if (!text.startsWith("<!doctype html>")) continue;
      for (const [button] of text.matchAll(/<button\b[^>]*type="button"[^>]*>/g)) {
        const isShown = !/\shidden/.test(button) && !text.slice(0, text.indexOf(button)).includes("<dialog");
        assert.ok(!isShown, `${path}: ${button} does nothing without the script, which is to show it`);
      }
      assert.doesNotMatch(text, /\son[a-z]+="|href="(?:#|javascript:)"|\sstyle="/, path);
    }

    // What changes most comes last, so that everything still exists for what comes before.
    const order = ["resume", "pause", "start", "changed", "rerun", "cancel", "sign-out"];
    const rank = (path: string) => order.findIndex((each) => path.includes(each));
    const forms = new Map(
      walked.flatMap(({ forms: all, path: from }) => all.map((form) => [form.path, { ...form, from }])),
    );
    const posts = [...forms.values()]
      .filter(({ method }) => method === "post")
      .sort((a, b) => rank(a.path) - rank(b.path));
    assert.ok(posts.length > 8, `${posts.length} forms`);
    for (const { path, fields, from } of posts) {
      const body = String(fields);
      const { status } = await send(scene.url, {
        ...{ method: "POST", path, body },
        headers: { ...headers, "content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin" },
      });
      // 409: another form already changed it. 422: a field is required, and the page names it.
      assert.ok([200, 303, 409, 422].includes(status), `POST ${path} on ${from} is answered ${status}`);
    }
  });
});
