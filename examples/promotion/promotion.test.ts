import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { until } from "../../test/support/clock.ts";
import { startExample } from "../../test/support/example.ts";
import { send } from "../../test/support/service.ts";

const [COMMIT, NEWER] = ["5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c9d0e", "9d0e5b7c9e1f3a2d4c6e8f0a1b2c3d4e5f6a7b8c"];
const DISPATCH = "POST /repos/{owner}/{repo}/dispatches";
const DAY = 86_400_000;

const fileOf = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

async function scene(t: TestContext) {
  const settings = { PUBLIC_URL: "https://gh-runner.acme.example" };
  const example = await startExample(t, "promotion", { settings });
  const { argocd, github, url, waiting, runs, lastActionsRun, tellEnded } = example;
  const shop = github.repository("acme/shop");
  shop.openPull({ number: 7 });
  shop.put(".github/workflows/preview-tests.yml", fileOf("preview-tests.after.yml"));
  github.repository("acme/deployment").put(".github/workflows/promote.yml", fileOf("promote.after.yml"));
  const comments = (kind: RegExp) => shop.comments.map(({ body }) => body).filter((body) => kind.test(body));
  /** The comment that shows the progress. */
  const shown = () => {
    const [comment = "", ...others] = comments(/<!--/);
    assert.deepEqual(others, []);
    return comment;
  };
  /** The comments that ask for approval. */
  const questions = () => comments(/^\[Promote \w+\?\]/);
  const deployed = (commit = COMMIT) => argocd("/promotions", { pr: 7, commit });
  return {
    ...example,
    shown,
    questions,
    deployed,
    /** Reports a deployed preview, and ends its tests with this conclusion. */
    async tested(conclusion: string, commit?: string) {
      await deployed(commit);
      await waiting();
      const { id } = lastActionsRun("acme/shop");
      github.actions.end(github.repository("acme/shop"), id, conclusion);
      await tellEnded("acme/shop", id);
    },
    /** Waits for the question, and gives its link. */
    async asked(times = 1) {
      await until("a person is asked", () => questions().length === times);
      await waiting();
      const link = /\((https:[^)]+)\)/.exec(questions().at(-1) ?? "")?.[1] ?? assert.fail("no link");
      return new URL(link).pathname;
    },
    /** Answers as a person, or as a program. */
    answer: (path: string, approved: boolean) =>
      send(url, { method: "POST", path, body: JSON.stringify({ approved, by: "kim" }) }),
    promoted: () => github.dispatches.map(({ repo, eventType, payload }) => [repo, eventType, payload.commit]),
    statuses: async () => (await runs()).map(({ status }) => status),
  };
}

describe("promotion", () => {
  it("promotes a commit that passed its tests and was approved", async (t) => {
    const { tested, asked, answer, lastRun, promoted, shown, lastActionsRun } = await scene(t);
    await tested("success");
    const link = await asked();
    assert.deepEqual(promoted(), []);
    assert.equal((await answer(link, true)).status, 202);
    assert.deepEqual((await lastRun()).outputs, { commit: COMMIT, by: "kim" });
    assert.deepEqual(promoted(), [["acme/deployment", "promote", COMMIT]]);
    assert.match(lastActionsRun("acme/deployment").title, /^Promote 5b7c9e1f\w+ [\da-f-]{36}$/);
    assert.match(shown(), /it is being promoted to staging/);
    assert.equal((await answer(link, true)).status, 409);
  });

  it("promotes nothing that a person rejects", async (t) => {
    const { tested, asked, answer, lastRun, promoted, shown } = await scene(t);
    await tested("success");
    await answer(await asked(), false);
    assert.equal((await lastRun()).reason, "rejected by kim");
    assert.match(shown(), /rejected/);
    assert.deepEqual(promoted(), []);
  });

  it("asks no person after failed tests, and shows why", async (t) => {
    const { tested, lastRun, promoted, questions, shown } = await scene(t);
    await tested("failure");
    assert.equal((await lastRun()).status, "failure");
    assert.match(shown(), /it is not promoted.*ended with failure/);
    assert.deepEqual([questions(), promoted()], [[], []]);
  });

  it("waits two days for an answer", async (t) => {
    const { tested, asked, answer, clock, lastRun, promoted, shown } = await scene(t);
    await tested("success");
    const link = await asked();
    clock.move(2 * DAY);
    assert.equal((await lastRun()).status, "failure");
    assert.match(shown(), /it is not promoted.*not answered within 2d/);
    assert.equal((await answer(link, true)).status, 410);
    assert.deepEqual(promoted(), []);
  });

  it("asks again for a newer commit, and then accepts no answer for the older one", async (t) => {
    const { tested, asked, answer, deployed, statuses, passUntil, lastRun, promoted, shown } = await scene(t);
    await tested("success");
    const older = await asked();
    await deployed(NEWER);
    assert.match(shown(), new RegExp(`${NEWER}: it is promoted to staging when`));
    assert.equal((await answer(older, true)).status, 410);
    await passUntil("the older one has ended", async () => (await statuses())[0] === "cancelled");
    assert.deepEqual(promoted(), []);
    await tested("success", NEWER);
    const newer = await asked(2);
    assert.notEqual(newer, older);
    await answer(newer, true);
    await lastRun();
    assert.deepEqual(promoted(), [["acme/deployment", "promote", NEWER]]);
  });

  it("promotes once if GitHub's answer is lost", async (t) => {
    const { tested, asked, answer, github, passUntil, statuses, promoted } = await scene(t);
    await tested("success");
    const link = await asked();
    github.fault({ route: DISPATCH, times: 1 }, { kind: "reset", afterHandling: true });
    await answer(link, true);
    await passUntil("it has ended", async () => (await statuses())[0] === "success");
    assert.equal(promoted().length, 1);
  });
});
