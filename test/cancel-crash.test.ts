import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { integrity } from "./support/history.ts";
import { eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { chanceOf } from "./support/random.ts";
import { machineNow, recordedSends } from "./support/sends.ts";
import { send, TARGET, TOKEN } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const KILLS = 10;
const RUNS_A_KILL = 8;

/** Set `CANCEL_SEED` to repeat the moments of a test run. */
const SEED = Number(process.env.CANCEL_SEED ?? Math.floor(Math.random() * 2 ** 32));

const BUSY = `import { defineWorkflow } from "gh-runner";
import * as z from "zod";

export default defineWorkflow({
  name: "busy",
  on: { http: { path: "/busy", body: z.object({ n: z.number() }) } },
  async run({ body: { n }, github, sleep, step }) {
    for (let at = 0; at < 3; at++) {
      await step(\`tell \${at}\`, () => github.dispatch("${TARGET}", "busy", { n }));
      await sleep(\`pause \${at}\`, "50ms");
    }
  },
  async cancelled({ body: { n }, github }) {
    await github.dispatch("${TARGET}", "undo", { n });
  },
});
`;

/** Retries until the service accepts the connection. Undefined when the connection broke. */
async function post(port: number, path: string, body = "") {
  for (;;) {
    try {
      const headers = { prefer: "respond-async" };
      const answer = await send(`http://127.0.0.1:${port}`, { method: "POST", path, headers, body });
      return { status: answer.status, json: answer.json };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ECONNREFUSED") return undefined;
      await wait(5);
    }
  }
}

describe("a service that is killed while runs are cancelled", () => {
  it(`${KILLS} kills: a run that was answered as cancelled stays cancelled, sends nothing more, and is cleaned up at most once`, {
    timeout: 600_000,
  }, async (t) => {
    const chance = chanceOf(SEED);
    const github = await startGitHub({ latencyMs: 10 });
    t.after(() => github.close());
    github.token(TOKEN);
    github.repository(TARGET);
    const sends = recordedSends(t);
    const settings = {
      WORKFLOWS_DIR: workflowsFolder(t, { "busy.ts": BUSY }),
      GITHUB_LIMITS: "off",
      ...sends.settings,
    };
    const [dataDir, port] = [temporaryFolder(t), await fixedPort()];
    const start = () => spawnService(t, { port, dataDir, githubUrl: github.url, settings });

    type Told = { n: number; id: string; status: number | undefined; at: number };
    const call = async (n: number): Promise<Told | undefined> => {
      const [delay, later] = [chance.between(0, 300), chance.between(0, 600)];
      await wait(delay);
      const started = await post(port, "/busy", JSON.stringify({ n }));
      if (started?.status !== 202) return undefined;
      await wait(later);
      const answer = await post(port, `/api/runs/${started.json.run}/cancel`);
      return { n, id: started.json.run, status: answer?.status, at: machineNow() };
    };
    const calls: Promise<Told | undefined>[] = [];
    let service = start();
    for (let kill = 0; kill < KILLS; kill++) {
      await listening(service, port);
      calls.push(...Array.from({ length: RUNS_A_KILL }, (_, at) => call(kill * RUNS_A_KILL + at)));
      await wait(chance.between(50, 900));
      await service.kill();
      service = start();
    }
    await listening(service, port);
    const told = (await Promise.all(calls)).filter((each) => each !== undefined);
    const details = async () =>
      Promise.all(
        told.map(async ({ id }) => (await send(`http://127.0.0.1:${port}`, { path: `/api/runs/${id}` })).json),
      );
    const isOpen = ({ status }: { status: string }) => ["queued", "running", "waiting"].includes(status);
    await eventually("every run has ended", 60_000, async () => !(await details()).some(isOpen));
    type Made = { attempts: readonly { handler?: boolean }[]; status: string };
    const wasCalled = ({ attempts, status }: Made) =>
      status !== "cancelled" || !attempts.some(({ handler }) => !handler) || attempts.some(({ handler }) => handler);
    await eventually("what had begun was cleaned up", 60_000, async () => (await details()).every(wasCalled));
    await wait(300);
    const ends = await details();
    service.stop();
    assert.equal(await service.ended, 0);
    assert.equal(integrity(dataDir), "ok");

    const recorded = sends.all();
    const left = recorded.flatMap(({ what, at, body }) => {
      if (what !== "request" || body === "") return [];
      const { event_type, client_payload } = JSON.parse(body);
      return event_type === "busy" ? [{ at, n: client_payload.n }] : [];
    });
    const sent = (type: string, n: number) =>
      github.dispatches.filter(({ eventType, payload }) => eventType === type && payload.n === n);
    for (const [index, { n, id, status, at }] of told.entries()) {
      const run = ends[index];
      const about = `run ${n}, cancel answered ${status}: ${JSON.stringify(run)}`;
      if (status === 200) {
        assert.equal(run.status, "cancelled", about);
        // A run that was killed right after its answer has recorded none.
        const answeredAt = recorded.find(({ what, path }) => what === "answer" && path.includes(id))?.at ?? at;
        const late = left.flatMap((each) => (each.n === n && each.at > answeredAt ? [each.at - answeredAt] : []));
        assert.ok(left.filter((each) => each.n === n).length >= sent("busy", n).length, `not recorded: ${about}`);
        assert.deepEqual(late, [], `sent ${late} ms after the cancel was answered: ${about}`);
      }
      if (status === 409) assert.equal(run.status, "success", about);
      assert.ok(["cancelled", "success"].includes(run.status), about);
      const handlers = run.attempts.filter(({ handler }: { handler?: boolean }) => handler);
      const hadBegun = run.attempts.some(({ handler }: { handler?: boolean }) => !handler);
      assert.ok(handlers.length <= 1, about);
      assert.equal(
        handlers.length,
        run.status === "cancelled" && hadBegun ? 1 : 0,
        `called ${handlers.length} times: ${about}`,
      );
      const undone = sent("undo", n).length;
      assert.ok(undone <= handlers.length, `undone ${undone} times: ${about}`);
      if (handlers[0]?.outcome === "success") assert.equal(undone, 1, about);
    }
    const count = (status: number | undefined) => told.filter((each) => each.status === status).length;
    t.diagnostic(
      `CANCEL_SEED=${SEED}: ${count(200)} cancelled, ${count(409)} too late, ${count(202)} unconfirmed, ${count(undefined)} broke; ` +
        `${ends.filter(({ attempts }) => attempts.some(({ outcome }: { outcome: string }) => outcome === "interrupted")).length} interrupted`,
    );
    assert.ok(count(200) > 5, "too few were cancelled");
  });
});
