import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { integrity, readHistory, unfinished } from "./support/history.ts";
import { eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { chanceOf } from "./support/random.ts";
import { DEPLOYMENT, deploy, send, TARGET, TOKEN } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

const STOPS = 8;
const RUNS_A_ROUND = 12;

/** Set `SIGTERM_SEED` to repeat the moments of a test run. */
const SEED = Number(process.env.SIGTERM_SEED ?? Math.floor(Math.random() * 2 ** 32));

/** The service with less than ten seconds for a stop. It uses all of them while runs wait, so this shows the same faster. */
function hasty(drainMs: number): readonly string[] {
  const { href } = new URL("../src/http/server.ts", import.meta.url);
  const set = `import { SERVER_LIMITS } from ${JSON.stringify(href)}; SERVER_LIMITS.drainMs = ${drainMs};`;
  return [`--import=data:text/javascript,${encodeURIComponent(set)}`, "src/main.ts", "serve"];
}

/** A preview whose address `/n` answers up to three times with 503, depending on n, and then with 200. */
async function startPreviews(t: TestContext): Promise<string> {
  const asked = new Map<string, number>();
  const server = createServer(({ url = "" }, response) => {
    const times = (asked.get(url) ?? 0) + 1;
    asked.set(url, times);
    response.writeHead(times > Number(url.slice(1)) % 4 ? 200 : 503).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => void server.close());
  t.after(() => void server.closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A step that reads, a wait, and a dispatch: in a step, or as the last action of the workflow. */
const workOf = (previews: string) => `
    await step("look", () => github.readFile("acme/shop", "a.txt"));
    await waitFor(\`${previews}/\${body.n}\`);
    const write = () => github.dispatch("acme/shop", "work", { n: body.n });
    if (body.n % 2 === 0) await step("dispatch", write);
    else await write();
    return {};`;

async function scene(t: TestContext) {
  const github = await startGitHub({ latencyMs: 10 });
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository("acme/shop").put("a.txt", "text");
  github.repository(TARGET);
  github.repository(DEPLOYMENT);
  const previews = await startPreviews(t);
  const dataDir = temporaryFolder(t);
  const port = await fixedPort();
  const settings = {
    WORKFLOWS_DIR: workflowsFolder(t, { "work.ts": httpWorkflow("work", workOf(previews)) }),
    GITHUB_LIMITS: "writes=6/1s",
  };
  const start = (drainMs: number, more: Record<string, string> = {}) =>
    spawnService(t, {
      port,
      dataDir,
      githubUrl: github.url,
      settings: { ...settings, ...more },
      command: hasty(drainMs),
    });
  const url = `http://127.0.0.1:${port}`;
  const post = (path: string, body: object) =>
    send(url, { method: "POST", path, headers: { prefer: "respond-async" }, body: JSON.stringify(body) }).then(
      ({ status }) => status,
      () => undefined,
    );
  return { github, dataDir, port, start, post };
}

describe("a service that is stopped by SIGTERM", () => {
  it(`${STOPS} times at random moments interrupts no run and sends nothing twice`, { timeout: 600_000 }, async (t) => {
    t.diagnostic(`SIGTERM_SEED=${SEED}`);
    const chance = chanceOf(SEED);
    const { github, dataDir, port, start, post } = await scene(t);
    let n = 0;
    const statuses: Promise<number | undefined>[] = [];
    const callAt = async (ms: number) => {
      const at = n++;
      const application = `pr-${at}`;
      deploy(github, application, `commit-${at}`);
      await wait(ms);
      return at % 3 === 0 ? post("/dispatch", { application }) : post("/work", { n: at });
    };
    let running = 0;
    for (let stop = 0; stop < STOPS; stop++) {
      const service = start(2000);
      await listening(service, port);
      for (let at = 0; at < RUNS_A_ROUND; at++) statuses.push(callAt(chance.between(0, 300)));
      await wait(chance.between(0, 800));
      running += unfinished(dataDir);
      service.stop();
      assert.equal(await service.ended, 0, service.output());
      assert.doesNotMatch(service.output(), /"level":"(error|fatal)"/);
      const left = readHistory(dataDir).filter(({ status }) => status === "running");
      assert.deepEqual(left, [], "given back");
    }
    const last = start(2000);
    await listening(last, port);
    await eventually("no run is queued or running", 60_000, () => unfinished(dataDir) === 0);
    last.stop();
    assert.equal(await last.ended, 0, last.output());

    const accepted = (await Promise.all(statuses)).filter((status) => status === 202).length;
    const runs = readHistory(dataDir);
    const attempts = runs.flatMap((run) => run.attempts);
    const count = (outcome: string) => attempts.filter((attempt) => attempt.outcome === outcome).length;
    t.diagnostic(`${accepted} accepted, ${running} not ended at the stops, ${count("stopped")} attempts given back`);
    assert.equal(integrity(dataDir), "ok");
    assert.ok(running > STOPS && count("stopped") > STOPS / 2, "too little was in flight to show anything");
    assert.ok(runs.length >= accepted);
    assert.deepEqual(new Set(runs.map(({ status }) => status)), new Set(["success"]));
    assert.equal(count("interrupted"), 0);
    const sent = github.dispatches.map(({ payload }) => String(payload.n ?? payload.sourceName));
    assert.deepEqual(sent.length - new Set(sent).size, 0, "nothing is sent twice");
    assert.equal(sent.length, runs.length);
  });

  it("four times while it waits for a URL continues after each start", { timeout: 600_000 }, async (t) => {
    const { dataDir, port, start, post } = await scene(t);
    const down = await fixedPort();
    const folder = workflowsFolder(t, {
      "wait.ts": httpWorkflow("wait", `await waitFor("http://127.0.0.1:${down}/", { timeout: "5m" });`),
    });
    for (let stop = 0; stop < 4; stop++) {
      const service = start(500, { WORKFLOWS_DIR: folder });
      await listening(service, port);
      if (stop === 0) assert.equal(await post("/wait", {}), 202);
      await eventually("the run continues", 60_000, () => readHistory(dataDir)[0]?.status === "running");
      service.stop();
      assert.equal(await service.ended, 0, service.output());
      assert.deepEqual(
        readHistory(dataDir).map(({ status, attempts }) => [status, attempts.map(({ outcome }) => outcome)]),
        [["queued", Array.from({ length: stop + 1 }, () => "stopped")]],
      );
    }
  });
});
