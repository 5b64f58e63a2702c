import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Chain } from "../src/model/chain.ts";
import { STAGES } from "../src/model/chain-facts.ts";
import { aRun, NOW, pagesOf, plain } from "./support/pages.ts";

const SHA = "9fceb02d0ae598e95dc970b74767f19372d61af8";
const RUN = "3f9c2a10-0000-4000-8000-000000000002";
const TESTS = "3f9c2a10-0000-4000-8000-000000000003";

const aChain = (changes: Partial<Chain> = {}): Chain => ({
  application: "pr-1234",
  result: "failed",
  reason: undefined,
  receivedAt: NOW - 300_000,
  environment: { id: RUN, workflow: "environment-ready", status: "success" },
  tests: { id: TESTS, workflow: "preview-tests", status: "failure" },
  supersededBy: undefined,
  values: { repository: "acme/deployment", path: "configs/pr/light/pr-1234/values.yaml", commit: SHA },
  commit: { name: SHA, sha: SHA },
  repository: "acme/shop",
  pullRequest: { number: 7, url: "https://github.com/acme/shop/pull/7", title: "Prices", state: "open" },
  actionsRun: { id: 42, url: "https://github.com/acme/shop/actions/runs/42", attempt: 2, conclusion: "failure" },
  jobs: [
    { name: "lint", conclusion: "success", url: "https://github.com/j/1", startedAt: NOW - 9000, endedAt: NOW - 4000 },
    { name: "unit", conclusion: "failure", url: undefined, startedAt: undefined, endedAt: undefined },
  ],
  stages: STAGES.map((name, nth) => ({ name, at: NOW - 300_000 + nth * 1000, ms: nth === 0 ? undefined : 1000 })),
  repeatedBy: undefined,
  ...changes,
});

type Previews = NonNullable<NonNullable<Parameters<typeof pagesOf>[0]>["previews"]>;

/** A page with one page of previews, as text and as HTML. */
async function pageOf(previews: readonly Chain[], more: Previews = {}, path = "/previews", next?: string) {
  const app = pagesOf({ previews: { list: async () => ({ previews, next }), ...more } });
  const answer = await app.request(path);
  assert.equal(answer.status, 200);
  const html = await answer.text();
  return { html, text: plain(html), links: [...html.matchAll(/href="([^"]+)"/g)].map(([, href]) => href ?? "") };
}

describe("the page of previews", () => {
  it("links the commit, the pull request, the Actions run, its jobs, the values file at the read revision, and ArgoCD", async () => {
    const { links, text } = await pageOf([aChain()], { argocdUrl: "https://argocd.example" });
    for (const link of [
      `https://github.com/acme/shop/commit/${SHA}`,
      "https://github.com/acme/shop/pull/7",
      "https://github.com/acme/shop/actions/runs/42",
      "https://github.com/j/1",
      `https://github.com/acme/deployment/blob/${SHA}/configs/pr/light/pr-1234/values.yaml`,
      "https://argocd.example/applications/pr-1234",
      `/runs/${TESTS}`,
      "/previews?application=pr-1234",
    ]) {
      assert.ok(links.includes(link), `${link} in ${links.join(" ")}`);
    }
    assert.match(text, /pr-1234 Failed .*Pull request #7 Prices Actions run 42, attempt 2/);
    assert.match(text, /Received .*Values read 1\.0 s .*Dispatched 1\.0 s .*Created 1\.0 s .*Reported 1\.0 s/);
    assert.match(text, /unit: failure .*lint: success 5\.0 s/, "what failed comes first");
    assert.match(text, /5 min ago took 6\.0 s/);
  });

  it("links nothing with an unknown address, and never links elsewhere because of a name", async () => {
    const odd = aChain({
      application: "pr-\u202e/../<b>",
      values: { repository: "acme/deployment", path: "a/../b", commit: SHA },
      commit: { name: "../../x", sha: undefined },
      pullRequest: { number: 7, url: undefined, title: "<script>", state: undefined },
      actionsRun: { id: 42, url: undefined, attempt: undefined, conclusion: undefined },
      jobs: [{ name: "<i>\u202e", conclusion: "<u>", url: undefined, startedAt: undefined, endedAt: undefined }],
      repository: undefined,
    });
    const { html, links } = await pageOf([odd], { argocdUrl: "https://argocd.example" });
    assert.doesNotMatch(html, /<script>|<i>|<u>|<b>\u202e|\u202e/);
    assert.deepEqual(
      links.filter((link) => /^\w+:/.test(link)),
      [],
    );
    const gone = aChain({ values: { repository: "acme/deployment", path: "a b/ü#.yaml", commit: undefined } });
    assert.ok(
      (await pageOf([gone])).links.every((link) => !link.includes("/blob/")),
      "the file may have changed",
    );
    const encoded = aChain({ values: { repository: "acme/deployment", path: "a b/ü#?.yaml", commit: SHA } });
    assert.ok(
      (await pageOf([encoded])).links.includes(
        `https://github.com/acme/deployment/blob/${SHA}/a%20b/%C3%BC%23%3F.yaml`,
      ),
    );
  });

  it("shows the reason, which run replaced it, and how long the current stage has taken", async () => {
    const stages = aChain().stages.map((stage, nth) => (nth < 3 ? stage : { ...stage, at: undefined, ms: undefined }));
    const chains = [
      aChain({ result: "running", reason: `Limited until ${new Date(NOW + 60_000).toISOString()}.`, stages }),
      aChain({ result: "cancelled", reason: "A newer event of the same application replaced it.", supersededBy: RUN }),
      aChain({ result: "running", repeatedBy: { id: RUN, at: NOW - 120_000 } }),
      aChain({ result: "running", reason: "Sending the event failed: GitHub answered 502. Wait." }),
      aChain({ result: "failed", reason: "Sending the event failed: GitHub answered 403. Fix it." }),
    ];
    const { text, html } = await pageOf(chains);
    assert.match(
      text,
      /Sending the event: GitHub answered 502\. Wait\. .*Sending the event failed: GitHub answered 403\./,
    );
    assert.match(text, /Limited until 12:01:00 UTC\./);
    assert.match(text, /Dispatched 1\.0 s Waiting for the Actions run 4 min 58 s so far/);
    assert.match(html, new RegExp(`replaced it\\. <a href="/runs/${RUN}">Show the newer run</a>`));
    assert.match(text, /Notified again 2 min ago: this started nothing new\./);
  });

  it("says in one sentence how to follow tests if they are not followed", async () => {
    const { text } = await pageOf([aChain({ result: "dispatched", tests: undefined, jobs: [] })], { follows: false });
    assert.match(
      text,
      /gh-runner does not follow the tests\. Set FOLLOW=status to see here, and on the commit, whether they started/,
    );
    assert.match(text, /pr-1234 Dispatched/);
    assert.doesNotMatch((await pageOf([aChain()])).text, /not followed/);
  });

  it("keeps its filter in the address, and leaves out invalid values", async () => {
    const asked: unknown[] = [];
    const list: Previews["list"] = async (query, page) => {
      asked.push({ ...query, ...page });
      return { previews: [aChain()], next: "17" };
    };
    const { html, links } = await pageOf([], { list }, "/previews?text=PR&result=failed&before=99&x=1");
    assert.deepEqual(asked.pop(), { application: undefined, text: "PR", result: "failed", limit: 25, cursor: "99" });
    assert.match(html, /aria-current="true"><svg class="icon is-failure"/);
    assert.ok(links.includes("/previews?text=PR&amp;result=failed&amp;before=17"), links.join(" "));
    assert.ok(links.includes("/previews?text=PR&amp;result=passed"));
    await pageOf([], { list }, "/previews?result=none&before=x&application=pr-1");
    const all = { application: "pr-1", text: undefined, result: undefined, limit: 25, cursor: undefined };
    assert.deepEqual(asked.pop(), all);
  });

  it("says what an empty page means", async () => {
    const empty = async (path: string, next?: string) => (await pageOf([], {}, path, next)).text;
    assert.match(await empty("/previews"), /No previews yet\. .*whose name begins with pr-\. Others are skipped/);
    assert.match(await empty("/previews?text=main"), /No preview matches\. .*among the runs or the rejected requests/);
    assert.match(
      await empty("/previews?result=failed", "5"),
      /None of the newest previews matches\. .*Search older previews/,
    );
  });

  it("has less than 1 MB, for any length of the names of 25 previews", async () => {
    const long = "x".repeat(100_000);
    const jobs = Array.from({ length: 50 }, () => ({ ...aChain().jobs[0]!, name: long, conclusion: long }));
    const chain = aChain({
      application: long.slice(0, 253),
      reason: long,
      jobs,
      pullRequest: { number: 1, url: undefined, title: long, state: long },
    });
    const { html } = await pageOf(Array.from({ length: 25 }, () => chain));
    assert.ok(html.length < 1_000_000, `${html.length}`);
  });
});

describe("the page of a run of a preview", () => {
  it("shows the same chain, and links to the other run", async () => {
    const of = async () => aChain();
    for (const [id, other, term] of [
      [RUN, TESTS, "Followed by preview-tests failure"],
      [TESTS, RUN, "Dispatched by environment-ready success"],
    ] as const) {
      const get = async () => ({ run: aRun({ id, input: {} }), attempts: [], steps: [], superseded: [], actions: [] });
      const app = pagesOf({ runs: { get }, previews: { of, argocdUrl: "https://argocd.example" } });
      const html = await (await app.request(`/runs/${id}`)).text();
      assert.match(plain(html), /From the notification to the result Result Failed .*Pull request #7 Prices/);
      assert.ok(plain(html).includes(term), plain(html));
      assert.ok(html.includes(`<a href="/runs/${other}">`));
      assert.match(html, /https:\/\/argocd\.example\/applications\/pr-1234/);
      assert.match(html, /<a href="\/previews\?application=pr-1234">All previews of/);
    }
  });
});
