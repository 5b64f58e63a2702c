import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StandInGitHub } from "../sandbox/github.ts";
import { until } from "./support/clock.ts";
import { deployment, event } from "./support/deployment.ts";
import { postgresForTests } from "./support/postgres.ts";
import { notify, send, TOKEN } from "./support/service.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const APPLICATIONS = 50;
const EVENTS = 200;

const postgres = postgresForTests();

const commits = ({ dispatches }: StandInGitHub) =>
  dispatches.map(({ payload }) => (payload as { commitHash: string }).commitHash);

for (const [name, replicas] of [
  ["SQLite", 1],
  ["PostgreSQL and three replicas", { count: 3, postgres }],
] as const) {
  describe(`an outage of GitHub, with ${name}`, () => {
    it("is one notice and one summary; after it the newest event of each application goes first, and none is lost", {
      timeout: 480_000,
    }, async (t) => {
      const all = await deployment(t, replicas);
      const { clock, github, services, pass, notices, logged, pages } = all;
      const began = clock.now();
      const outage = all.fails();
      const newest = new Map<string, number>();
      const notifyOf = async (nth: number) => {
        const application = `pr-${(nth * 7) % APPLICATIONS}`;
        await event(all, nth, application);
        newest.delete(application);
        newest.set(application, nth);
      };
      for (let nth = 0; nth < EVENTS / 2; nth++) await notifyOf(nth);
      // A run that brings its token gets one attempt.
      const withToken = (application: string) => notify(services[0]!.url, { application, github_token: TOKEN });
      const failed = (await withToken("pr-own-1")).headers["x-run-id"];
      await pass(90 * SECOND);
      await until("it is noticed", () => notices().length === 1);
      assert.equal((await withToken("pr-own-2")).status, 500);
      for (let nth = EVENTS / 2; nth < EVENTS; nth++) await notifyOf(nth);
      await pass(5 * MINUTE);

      const [begin] = notices();
      const since = new Date(began).toISOString();
      assert.deepEqual(
        { ...begin, text: "" },
        {
          text: "",
          event: "outage",
          host: new URL(github.url).host,
          since,
          fault: "GitHub answered 502",
          url: "https://ci.example",
        },
      );
      assert.match(
        begin.text,
        /^GitHub has failed most requests since 2026-11-24 12:00 UTC \(GitHub answered 502\)\. /,
      );
      for (const page of [...(await pages()), ...(await pages("/workflows"))]) {
        assert.match(page, /GitHub has failed most requests since <time datetime="2026-11-24T12:00:00/);
      }
      for (const { url } of services) {
        assert.deepEqual((await send(url, { path: "/api/outage" })).json, {
          outage: { since, fault: "GitHub answered 502" },
        });
        assert.equal((await send(url, { path: "/ready" })).status, 200);
        assert.match((await send(url, { path: "/metrics" })).text, /^gh_runner_github_outage 1$/m);
      }
      assert.deepEqual(
        logged().map(({ level, msg }) => `${level}: ${msg}`),
        ["warn: GitHub fails most requests: runs wait, and gh-runner retries them"],
      );

      outage.remove();
      const endedAt = clock.now();
      await pass(75 * SECOND);
      await until("all have continued", () => github.dispatches.length >= APPLICATIONS);
      await all.settle();
      const expected = [...newest.values()].toReversed().map((nth) => `commit-${nth}`);
      assert.deepEqual(commits(github).toSorted(), expected.toSorted(), "the newest of each application, once");
      assert.deepEqual(commits(github).slice(0, 3).toSorted(), expected.slice(0, 3).toSorted());
      // Each replica sends some in parallel. The order in which those arrive is chance.
      if (replicas === 1) assert.ok(disorder(commits(github), expected) < 0.35, commits(github).join(" "));

      await pass(3 * MINUTE);
      await until("the summary is there", () => notices().length === 2);
      await pass(30 * MINUTE);
      assert.equal(notices().length, 2);
      const [, { text, ...over }] = notices();
      assert.match(
        text,
        /^GitHub works again\. It failed most requests from 2026-11-24 12:00 to 12:0[67] UTC \(\d min\)\. 50 runs were late, by up to \d+ (?:s|min)\. 2 runs failed permanently: \S+, \S+\. Re-run those that you still need\. If one came with a token, send its event again\. 150 runs were replaced by newer events or cancelled\. https:\/\/ci\.example\/\?status=failure$/,
      );
      assert.ok(Date.parse(over.until) - endedAt <= 75 * SECOND, over.until);
      assert.ok(over.failedRuns.includes(failed));
      assert.deepEqual(
        [over.event, over.late, over.failed, over.replaced, over.waiting],
        ["outage over", 50, 2, 150, 0],
      );
      assert.deepEqual(
        logged()
          .map(({ level, msg }) => `${level}: ${msg}`)
          .toSorted(),
        [
          "info: GitHub works again: runs that waited continue, the newest of each group first",
          "info: runs that were late because GitHub failed most requests",
          "warn: GitHub fails most requests: runs wait, and gh-runner retries them",
        ],
      );
      for (const page of await pages()) assert.doesNotMatch(page, /GitHub (has failed|works again|has worked again)/);
      for (const { url } of services) {
        assert.deepEqual((await send(url, { path: "/api/outage" })).json, { outage: null });
        assert.match((await send(url, { path: "/metrics" })).text, /^gh_runner_github_outage 0$/m);
      }
    });
  });
}

describe("a service that is restarted in an outage", () => {
  it("sends no second notice, and one summary, whenever it is restarted", { timeout: 480_000 }, async (t) => {
    const all = await deployment(t, 1);
    const { github, services, pass, notices } = all;
    const restart = async () => {
      await services[0]!.app.close();
      services[0] = await all.start();
    };
    const outage = all.fails();
    await event(all, 1, "pr-1");
    await pass(75 * SECOND);
    await until("it is noticed", () => notices().length === 1);
    await restart();
    assert.match((await all.pages())[0]!, /GitHub has failed most requests since <time datetime="2026-11-24T12:00:00/);
    await pass(10 * MINUTE);
    assert.equal(notices().length, 1);
    await services[0]!.app.close();
    outage.remove();
    services[0] = await all.start();
    await pass(45 * SECOND);
    await until("it is dispatched", () => github.dispatches.length === 1);
    await pass(30 * SECOND);
    await restart();
    await pass(75 * SECOND);
    await until("the summary is there", () => notices().length === 2);
    await restart();
    await pass(10 * MINUTE);
    const { event: kind, since, late } = notices()[1];
    assert.deepEqual([notices().length, kind, since, late], [2, "outage over", "2026-11-24T12:00:00.000Z", 1]);
  });
});

describe("GitHub that alternately works and fails", () => {
  it("is one outage, which costs no run any of its time for retries", { timeout: 480_000 }, async (t) => {
    const all = await deployment(t, 1);
    const { github, services, pass, notices } = all;
    for (let nth = 0; nth < 6; nth++) await event(all, nth, `pr-${nth}`);
    await all.settle();
    assert.equal(github.dispatches.length, 6);
    // Reads are answered, and writes are not.
    let fails = github.fault({ method: "POST" }, { kind: "status", status: 503 });
    for (let nth = 10; nth < 16; nth++) await event(all, nth, `pr-${nth}`);
    await pass(75 * SECOND);
    await until("it is noticed", () => notices().length === 1);
    await pass(10 * MINUTE);
    for (let again = 0; again < 3; again++) {
      fails.remove();
      fails = github.fault({ method: "POST", after: 3 }, { kind: "status", status: 503 });
      await pass(3 * MINUTE);
    }
    fails.remove();
    await pass(6 * MINUTE);
    await until("all are dispatched", () => github.dispatches.length === 12);
    const { runs } = (await send(services[0]!.url, { path: "/api/runs?status=success&limit=20" })).json;
    assert.equal(runs.length, 12);
    await pass(40 * MINUTE);
    assert.deepEqual(
      notices().map((notice) => [notice.event, notice.since, notice.late]),
      [
        ["outage", "2026-11-24T12:00:00.000Z", undefined],
        ["outage over", "2026-11-24T12:00:00.000Z", 6],
      ],
    );
  });
});

describe("no outage", () => {
  it("is caused by one run that fails, a wrong token, and a limit", { timeout: 480_000 }, async (t) => {
    const all = await deployment(t, 1);
    const { github, pass, notices, logged } = all;
    github.fault({ path: /pr-bad/ }, { kind: "status", status: 502 });
    for (const nth of [1, 2, 3]) await event(all, nth, `pr-bad-${nth}`);
    for (let minute = 0; minute < 20; minute++) {
      await event(all, 10 + minute, `pr-${minute % 3}`);
      await pass(MINUTE);
    }
    github.revoke(TOKEN);
    for (let nth = 40; nth < 50; nth++) await event(all, nth, `pr-${nth}`);
    await pass(5 * MINUTE);
    assert.ok(github.dispatches.length >= 20);
    assert.deepEqual([logged(), notices().filter((each) => each.event !== "failure")], [[], []]);
    assert.doesNotMatch((await all.pages())[0]!, /GitHub has failed/);
  });
});

/** The share of all pairs that come in another order than expected. */
function disorder(order: readonly string[], expected: readonly string[]): number {
  const places = order.map((each) => expected.indexOf(each));
  const pairs = places.flatMap((place, at) => places.slice(at + 1).map((later) => later < place));
  return pairs.filter((each) => each).length / pairs.length;
}
