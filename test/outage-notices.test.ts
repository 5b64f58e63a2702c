import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineWorkflow } from "../src/index.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { until } from "./support/clock.ts";
import { type Deployment, deployment, event } from "./support/deployment.ts";
import { postgresForTests } from "./support/postgres.ts";
import { deploy, notify, send, TARGET, TOKEN } from "./support/service.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

const postgres = postgresForTests();

/** A run that brings its token gets one attempt, so it fails permanently. */
const once = ({ services }: Deployment, application: string) =>
  notify(services[0]!.url, { application, github_token: TOKEN });

const kinds = ({ notices }: Deployment) => notices().map((notice) => notice.event);

describe("the notices of runs", () => {
  it("are not sent for failures of an outage, or of the minute before it was known, or for their recovery", async (t) => {
    const all = await deployment(t, 1);
    for (const name of ["pr-1", "pr-2"]) deploy(all.github, name, "abc");
    const outage = all.fails();
    await once(all, "pr-1");
    await all.pass(70 * SECOND);
    await until("the outage is noticed", () => kinds(all).length === 1);
    await once(all, "pr-2");
    await all.pass(20 * MINUTE);
    outage.remove();
    await all.pass(5 * MINUTE);
    await until("it is over", () => kinds(all).length === 2);
    for (const name of ["pr-1", "pr-2"]) assert.equal((await once(all, name)).status, 200);
    await all.pass(20 * MINUTE);
    assert.deepEqual(kinds(all), ["outage", "outage over"]);
    assert.deepEqual([all.notices()[1].late, all.notices()[1].failed], [0, 2]);
    const metrics = (await send(all.services[0]!.url, { path: "/metrics" })).text;
    assert.match(metrics, /gh_runner_notices_total\{result="held_back"\} 2\n/);
  });

  it("are sent three minutes later if there was no outage, and immediately for what a person must fix", async (t) => {
    const all = await deployment(t, 1);
    deploy(all.github, "pr-1", "abc");
    const short = all.fails();
    const failed = await once(all, "pr-1");
    short.remove();
    await once(all, "pr-none");
    await until("the missing file is notified", () => kinds(all).length === 1);
    await all.pass(5 * MINUTE);
    // The second notice of a workflow waits for ten minutes, like every other.
    await all.pass(8 * MINUTE);
    await until("the other is notified", () => kinds(all).length === 2);
    assert.deepEqual(kinds(all), ["failure", "failure"]);
    assert.equal(all.notices()[1].run, failed.headers["x-run-id"]);
  });
});

describe("a run that waits for an Actions run", () => {
  it("checks again when an outage is over", async (t) => {
    let looks = 0;
    const waits = defineWorkflow({
      name: "waits",
      on: { manual: true },
      async run({ waitUntil }) {
        const look = async () => {
          looks++;
        };
        const wakeOn = { workflowRun: { repository: TARGET, key: "abc" } };
        await waitUntil("tests", look, { every: "2d", timeout: "9d", wakeOn });
      },
    });
    const all = await deployment(t, 1, { workflows: [waits as Workflow] });
    await send(all.services[0]!.url, { method: "POST", path: "/api/workflows/waits/runs" });
    await all.settle();
    const outage = all.fails();
    await event(all, 1, "pr-1");
    await all.pass(2 * MINUTE);
    const before = looks;
    outage.remove();
    await all.pass(2 * MINUTE);
    await until("it has looked", () => looks > before);
  });
});

describe("a stop in an outage", () => {
  it("does not wait for GitHub to answer the probe", async (t) => {
    const all = await deployment(t, 1);
    all.fails();
    const probe = all.github.fault({ route: "GET /rate_limit" }, { kind: "hang" });
    await event(all, 1, "pr-1");
    await all.pass(20 * SECOND);
    await until("it is probed", () => probe.met > 0);
    await all.settle();
    const before = performance.now();
    await all.services[0]!.app.close();
    assert.ok(performance.now() - before < 10_000, `${performance.now() - before} ms`);
  });
});

describe("a replica whose network is broken while the others are answered", () => {
  it("reports no outage, and another replica does its work", { timeout: 480_000 }, async (t) => {
    const all = await deployment(t, { count: 2, postgres });
    const { services, notices, pass, github, logged, clock } = all;
    // Everything except the receiver of notices is behind a proxy that does not exist.
    const broken = await all.start({ HTTP_PROXY: "http://127.0.0.1:9", NO_PROXY: new URL(all.receiver.url).host });
    services.push(broken);
    for (let nth = 0; nth < 60; nth++) {
      await event(all, nth, `pr-${nth}`);
      await pass(10 * SECOND);
    }
    assert.ok(broken.log().some(({ msg }) => msg === "attempt failed"));
    assert.deepEqual([logged(), notices()], [[], []]);
    const latest = clock.now() + 4 * 60 * MINUTE;
    while (github.dispatches.length < 60 && clock.now() < latest) await pass(MINUTE);
    assert.equal(github.dispatches.length, 60);
  });
});
