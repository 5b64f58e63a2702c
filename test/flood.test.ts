import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { unfinished } from "./support/history.ts";
import {
  dispatchOnce,
  eventually,
  fixedPort,
  listening,
  type ServiceProcess,
  spawnService,
} from "./support/process.ts";
import { release } from "./support/release.ts";
import { deploy, send, TARGET, TOKEN } from "./support/service.ts";
import { slowDisk, withoutCompiler } from "./support/slow-disk.ts";

/** Without a limit on connections they use 50 MB of the heap, and the process ends. */
const CALLERS = 2500;

describe(`${CALLERS} callers at the same time, with a heap of 44 MB`, () => {
  it("the process survives them: all are answered after they send again, and every event arrives", {
    timeout: 600_000,
  }, async (t) => {
    const github = await startGitHub({ latencyMs: 5 });
    t.after(() => github.close());
    github.token(TOKEN);
    github.repository(TARGET);
    const applications = Array.from({ length: CALLERS }, (_, at) => `pr-${at}`);
    for (const application of applications) deploy(github, application, `commit-of-${application}`);

    const dataDir = temporaryFolder(t);
    const port = await fixedPort();
    const command = ["--max-old-space-size=44", "--max-semi-space-size=1", release(), "serve"];
    const service = spawnService(t, { port, dataDir, githubUrl: github.url, command });
    await listening(service, port);
    const { answers, again } = callAll(service, port, applications);
    const statuses = [...Map.groupBy(await answers, (status) => status)];
    t.diagnostic(
      `${statuses.map(([status, { length }]) => `${length} times ${status}`).join(", ")}; sent again ${again()} times`,
    );
    assert.deepEqual(
      statuses.map(([status]) => status).filter((status) => ![200, 202].includes(status)),
      [],
    );
    await eventually("every run has ended", 120_000, () => unfinished(dataDir) === 0);
    assert.equal(new Set(github.dispatches.map(({ payload }) => payload.commitHash)).size, CALLERS);
    service.stop();
    assert.equal(await service.ended, 0);
  });
});

/** More than fit beside the data of the workflow. Without a check of the heap 610 would be open, and the process would end. */
const STALLED_CALLERS = 1000;
const KEPT_MB = 18;
const KEEP = `data:text/javascript,globalThis.kept=Array.from({length:${KEPT_MB}},()=>new Array(131072).fill(0.5))`;

describe(`${STALLED_CALLERS} callers at the same time while the disk does not answer, with a heap of 44 MB of which a workflow keeps ${KEPT_MB}`, {
  skip: withoutCompiler,
}, () => {
  it("the process survives them, rejects more with 503, reports its health, and answers all once the disk does", async (t) => {
    const github = await startGitHub();
    t.after(() => github.close());
    const dataDir = temporaryFolder(t);
    const disk = slowDisk(t, dataDir);
    const port = await fixedPort();
    const heap = ["--max-old-space-size=44", "--max-semi-space-size=1"];
    const command = [...heap, "--import", KEEP, release(), "serve"];
    const service = spawnService(t, { port, dataDir, githubUrl: github.url, command, settings: disk.environment });
    await listening(service, port);
    disk.flushes({ delayMs: "held" });
    // Their names do not start with "pr-", so each run is skipped without GitHub.
    const applications = Array.from({ length: STALLED_CALLERS }, (_, at) => `main-${at}`);
    const { answers, again } = callAll(service, port, applications);
    await Promise.race([answers, eventually("many were rejected", 120_000, () => again() >= 3 * STALLED_CALLERS)]);
    // A few that retry one after the other are read before they are closed.
    const tried = (path: string, status: number) =>
      eventually(`${path} is answered ${status}`, 60_000, async () => {
        const answer = await send(`http://127.0.0.1:${port}`, { path }).catch(() => undefined);
        return answer?.status === status && (status === 200 || answer.headers["retry-after"] === "1");
      });
    await tried("/health", 200);
    await tried("/api/runs", 503);
    disk.flushes({});
    assert.deepEqual(
      (await answers).filter((status) => ![200, 202].includes(status)),
      [],
    );
    const { text: metrics } = await send(`http://127.0.0.1:${port}`, { path: "/metrics" });
    assert.match(metrics, /^gh_runner_connections_closed_total\{reason="full"\} [1-9]/m);
    service.stop();
    assert.equal(await service.ended, 0);
  });
});

/** More than can wait while the workflow keeps this much of the heap. They come a few at a time, after the earlier ones are stored. */
const SLOW_CALLERS = 800;
const PER_ROUND = 10;

describe(`${SLOW_CALLERS} callers, one after the other, while GitHub does not answer, with a heap of 44 MB of which a workflow keeps ${KEPT_MB}`, () => {
  it("new callers find room: those that waited longest get 202", async (t) => {
    const github = await startGitHub();
    t.after(() => github.close());
    github.token(TOKEN);
    github.repository(TARGET);
    const applications = Array.from({ length: SLOW_CALLERS }, (_, at) => `pr-${at}`);
    for (const application of applications) deploy(github, application, `commit-of-${application}`);
    const { promise: answers, resolve: answer } = Promise.withResolvers<void>();
    github.fault({}, { kind: "hold", until: answers });

    const dataDir = temporaryFolder(t);
    const port = await fixedPort();
    const heap = ["--max-old-space-size=44", "--max-semi-space-size=1"];
    const command = [...heap, "--import", KEEP, release(), "serve"];
    const settings = { WAIT_SECONDS: "300" };
    const service = spawnService(t, { port, dataDir, githubUrl: github.url, command, settings });
    await listening(service, port);
    const calls: ReturnType<typeof callAll>[] = [];
    for (let at = 0; at < SLOW_CALLERS; at += PER_ROUND) {
      calls.push(callAll(service, port, applications.slice(at, at + PER_ROUND)));
      await eventually("they are stored", 60_000, () => unfinished(dataDir) === at + PER_ROUND);
    }
    answer();
    const statuses = (await Promise.all(calls.map((call) => call.answers))).flat();
    const times = (status: number) => statuses.filter((each) => each === status).length;
    t.diagnostic([200, 202, 500].map((status) => `${times(status)} times ${status}`).join(", "));
    const again = calls.reduce((sum, call) => sum + call.again(), 0);
    assert.ok(again < SLOW_CALLERS / 20, `${again} had no room, for a moment after a collection at most`);
    assert.ok(times(202) > 0);
    assert.ok(times(200) + times(500) > PER_ROUND, "the others have waited");
    service.stop();
    assert.equal(await service.ended, 0);
  });
});

/** Notifies of each application, again until it is answered. `again` counts the events that were sent again. */
function callAll(service: ServiceProcess, port: number, applications: readonly string[]) {
  let again = 0;
  const one = async (application: string): Promise<number> => {
    for (;;) {
      const answer = await dispatchOnce(port, { application });
      // There was no room, or a busy machine did not read it within 20 s. Nothing was stored, and it is sent again.
      if (typeof answer === "object" && ![408, 503].includes(answer.status)) return answer.status;
      assert.equal(service.child.exitCode ?? service.child.signalCode, null, service.output());
      again++;
      await wait(100 + Math.random() * 400);
    }
  };
  return { answers: Promise.all(applications.map(one)), again: () => again };
}
