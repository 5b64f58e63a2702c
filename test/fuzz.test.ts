import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { connections, KNOWN_APPLICATION, SECRETS, type Sent } from "./support/fuzz/requests.ts";
import { exchange, header, readAnswers, type WireAnswer } from "./support/fuzz/wire.ts";
import { fixedPort, listening, type ServiceProcess, spawnService } from "./support/process.ts";
import { deploy, TARGET } from "./support/service.ts";
import { httpWorkflow, workflowsFolder } from "./support/workflows.ts";

/** Seeded and short here; `npm run fuzz -- --minutes N --seed S` runs longer. */
const { FUZZ_SECONDS = "4", FUZZ_SEED = "20261124" } = process.env;

const ANSWERS = [100, 200, 202, 303, 400, 401, 403, 404, 405, 408, 409, 413, 417, 431];
const MAX_CONNECTIONS = 8;
const HEALTH = Buffer.from("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

const WORKFLOWS = {
  "previews.js": httpWorkflow("previews", "return { n: body.n ?? null };"),
  "labelled.js": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "labelled",
  on: { github: { events: ["pull_request", "push"] } },
  async run({ event }) { return { name: event.name }; },
});`,
  "reconciled.js": `import { defineWorkflow } from "gh-runner";
export default defineWorkflow({
  name: "reconciled",
  on: { flux: { path: "/flux" } },
  concurrency: ({ body }) => body.involvedObject.name,
  async run({ body }) { return { commit: body.commit ?? null, metadata: body.metadata }; },
});`,
};

describe("under any input, the service", () => {
  for (const [what, settings] of [
    ["open to everyone", {}],
    ["guarded by AUTH_TOKENS", { AUTH_TOKENS: SECRETS.auth }],
  ] as const) {
    it(`stays up, answers correctly, stores nothing that it rejects and reveals no token: ${what}`, async (t) => {
      const service = await hostileScene(t, settings);
      let count = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(connections, { minLength: 1, maxLength: MAX_CONNECTIONS }), async (all) => {
          count += all.length;
          await judge(service, all);
        }),
        {
          seed: Number(FUZZ_SEED),
          numRuns: 1_000_000,
          interruptAfterTimeLimit: Number(FUZZ_SECONDS) * 1000,
          markInterruptAsFailure: false,
        },
      );
      t.diagnostic(`${count} connections with seed ${FUZZ_SEED}`);
      assert.ok(count > 0);
      const [health] = readAnswers(await exchange(service.port, [HEALTH]), false);
      assert.equal(health?.body, '{"status":"healthy"}');
      assert.doesNotMatch(service.process.output(), /"level":"(?:error|fatal)"/);
    });
  }
});

type Scene = { readonly port: number; readonly process: ServiceProcess; readonly runs: () => number };

async function hostileScene(t: TestContext, settings: Readonly<Record<string, string>>): Promise<Scene> {
  const github = await startGitHub({ record: false });
  t.after(() => github.close());
  github.token(SECRETS.github);
  github.repository(TARGET);
  deploy(github, KNOWN_APPLICATION, "a".repeat(40));
  const dataDir = temporaryFolder(t);
  const port = await fixedPort();
  const process = spawnService(t, {
    port,
    dataDir,
    githubUrl: github.url,
    settings: {
      GITHUB_TOKEN: SECRETS.github,
      GITHUB_WEBHOOK_SECRET: SECRETS.webhook,
      FLUX_HMAC_KEY: SECRETS.flux,
      WORKFLOWS_DIR: workflowsFolder(t, WORKFLOWS),
      LOG_LEVEL: "info",
      WAIT_SECONDS: "2",
      ...settings,
    },
  });
  await listening(process, port);
  const db = new DatabaseSync(join(dataDir, "gh-runner.sqlite"), { readOnly: true, timeout: 5000 });
  t.after(() => db.close());
  const counting = db.prepare("SELECT max(seq) AS n FROM runs");
  return { port, process, runs: () => Number(counting.get()?.n ?? 0) };
}

async function judge({ port, process, runs }: Scene, all: readonly Sent[]): Promise<void> {
  const said = process.output().length;
  const stored = runs();
  const heard = await Promise.all(
    all.map(async ({ parts, text }) => {
      const heads = text.startsWith("HEAD ");
      const bytes = await exchange(port, parts, heads);
      return { bytes, heads, answers: readAnswers(bytes, heads) };
    }),
  );
  assert.equal(process.child.exitCode, null, `the process ended: ${process.output().slice(-2000)}`);
  for (const { answers, heads } of heard) {
    for (const answer of answers) judgeAnswer(answer, heads);
  }
  // A request without an answer may have been accepted; a rejected one may not.
  const accepted = heard.map(({ answers }) => (answers.length === 0 ? 1 : answers.filter(hasRun).length));
  const most = accepted.reduce((sum, each) => sum + each, 0);
  assert.ok(runs() - stored <= most, `${runs() - stored} runs were stored of ${most} requests that were not rejected`);

  for (const secret of [SECRETS.github, SECRETS.auth, SECRETS.caller, SECRETS.webhook, SECRETS.flux]) {
    assert.ok(!heard.some(({ bytes }) => bytes.includes(secret)), `an answer tells ${secret}`);
  }
  const logged = process.output().slice(said);
  for (const secret of Object.values(SECRETS)) assert.ok(!logged.includes(secret), `the log tells ${secret}`);
}

const hasRun = (answer: WireAnswer) => answer.status === 202 || header(answer, "x-run-id") !== undefined;

function judgeAnswer(answer: WireAnswer, heads: boolean): void {
  const { status, body } = answer;
  const shown = JSON.stringify(answer);
  // A failed run is the one 500 of the contract: GitHub rejected the caller's request.
  if (status === 500) assert.ok(header(answer, "x-run-id"), shown);
  else assert.ok(ANSWERS.includes(status), shown);
  // No text of others becomes an element of a page.
  const isPage = (header(answer, "content-type") ?? "").startsWith("text/html");
  assert.ok(!isPage || !/<x-hostile|<script>alert/.test(body), shown);
  if (status < 400 || heads) return;
  const type = header(answer, "content-type") ?? "";
  if (/^text\/(?:html|plain)/.test(type)) return;
  assert.equal(type, "application/problem+json", shown);
  const problem = JSON.parse(body);
  assert.equal(problem.status, status, shown);
  assert.ok(problem.detail.length > 10, shown);
}
