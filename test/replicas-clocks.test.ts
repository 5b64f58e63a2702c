import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineWorkflow } from "../src/index.ts";
import { type Clock, systemClock } from "../src/model/clock.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { postgresForTests } from "./support/postgres.ts";
import { ask } from "./support/postgres-history.ts";
import { deploy, notify, type Service, send, startService, TARGET } from "./support/service.ts";

const MINUTE_MS = 60_000;
const ANYTHING = { safeParse: (data: unknown) => ({ success: true as const, data }) };

/** This many runs are in the middle of an attempt while the clock is set. The others come then. */
const LONG = 60;
const ALL = 500;

const postgres = postgresForTests();

/** The machine's clock with an error that can be set. */
function offBy(milliseconds: number): Clock & { set(by: number): void } {
  let offset = milliseconds;
  return {
    now: () => Date.now() + offset,
    monotonic: systemClock.monotonic,
    alarm: (at, ring) => systemClock.alarm(at - offset, ring),
    set(by) {
      offset += by;
    },
  };
}

describe("three replicas whose clocks are ten minutes apart, one of which is set back while it works", () => {
  it("dispatch each of 500 events once", { timeout: 600_000 }, async (t) => {
    const shared = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema(), WAIT_SECONDS: "1" };
    const gate = Promise.withResolvers<void>();
    const long = defineWorkflow({
      name: "long",
      on: { http: { path: "/long", body: ANYTHING } },
      async run({ github, runId }) {
        await gate.promise;
        await github.dispatch(TARGET, "long", { sourceName: runId });
        return {};
      },
    });
    const workflows = [{ workflow: long as Workflow, file: "long.ts" }];
    const clocks = [offBy(0), offBy(10 * MINUTE_MS), offBy(-10 * MINUTE_MS)];
    const settings = { ...shared, GITHUB_LIMITS: "off" };
    const first = await startService(t, { settings, options: { clock: clocks[0]!, workflows } });
    const { github } = first;
    const three: Service[] = [first];
    for (const clock of clocks.slice(1)) {
      const one = { ...settings, GITHUB_API_URL: github.url };
      three.push(await startService(t, { settings: one, options: { clock, workflows } }));
    }
    const rows = async (what: string) =>
      (await ask(postgres.url, what.replaceAll("replicas_schema", shared.DATABASE_SCHEMA)))[0];
    const within = async (what: string, milliseconds: number, holds: () => Promise<boolean> | boolean) => {
      const end = performance.now() + milliseconds;
      while (!(await holds())) {
        assert.ok(performance.now() < end, `gave up waiting until ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    };

    for (let at = 0; at < LONG; at++) {
      const { status } = await send(three[at % 3]!.url, {
        method: "POST",
        path: "/long",
        headers: { prefer: "respond-async", "content-length": "2" },
        body: "{}",
      });
      assert.equal(status, 202);
    }
    const leases =
      "SELECT count(*)::int AS n, min(lease_until) AS least FROM replicas_schema.runs WHERE status = 'running'";
    await within("all are at work", 60_000, async () => (await rows(leases)).n === LONG);
    const begun = Number((await rows(leases)).least);
    await within("the leases were extended", 60_000, async () => Number((await rows(leases)).least) > begun);
    clocks[0]!.set(-10 * MINUTE_MS);
    const extended = Number((await rows(leases)).least);

    for (let at = LONG; at < ALL; at++) deploy(github, `pr-${at}`, `commit-${at}`);
    const answers = await Promise.all(
      Array.from({ length: ALL - LONG }, (_, at) => notify(three[at % 3]!.url, { application: `pr-${at + LONG}` })),
    );
    assert.ok(answers.every(({ status }) => status === 200 || status === 202));
    // By then every lease that was not extended after the clock was set has ended, and was taken over.
    const databaseNow = "SELECT (extract(epoch FROM now()) * 1000)::float8 AS now";
    await within("the leases of then are over", 60_000, async () => (await rows(databaseNow)).now > extended + 9000);
    gate.resolve();
    const left = "SELECT count(*)::int AS n FROM replicas_schema.runs WHERE status IN ('queued', 'running')";
    await within("all have ended", 60_000, async () => (await rows(left)).n === 0);

    const names = github.dispatches.map(({ payload }) => payload.sourceName);
    assert.deepEqual([names.length, new Set(names).size], [ALL, ALL]);
    const ends = "SELECT count(*)::int AS n FROM replicas_schema.runs WHERE status = 'success' AND attempts = 1";
    assert.equal((await rows(ends)).n, ALL);
  });
});
