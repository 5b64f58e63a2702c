import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { postgresForTests } from "./support/postgres.ts";
import { eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { chanceOf } from "./support/random.ts";
import { machineNow, type RecordedSends, recordedSends } from "./support/sends.ts";
import { send, TARGET, TOKEN } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const MOMENTS = 50;
const PER_ROUND = 25;
/** A little longer than most runs take. */
const LONGEST_MS = 900;

/** Set `CANCEL_SEED` to repeat the moments of a test run. */
const SEED = Number(process.env.CANCEL_SEED ?? Math.floor(Math.random() * 2 ** 32));

const postgres = postgresForTests();

/** Reads and writes inside and outside steps, in sequence and in parallel, and a short sleep. */
const BUSY = `import { defineWorkflow } from "gh-runner";
import * as z from "zod";

export default defineWorkflow({
  name: "busy",
  on: { http: { path: "/busy", body: z.object({ n: z.number() }) } },
  async run({ body: { n }, github, sleep, step }) {
    const tell = (what: string) => github.dispatch("${TARGET}", "busy", { n, what });
    const look = () => github.readFile("${TARGET}", \`files/\${n}\`, {});
    for (let at = 0; at < 3; at++) {
      await look();
      await step(\`alone \${at}\`, () => tell(\`alone \${at}\`));
    }
    await sleep("short", "50ms");
    await Promise.all([0, 1, 2].map((at) => step(\`beside \${at}\`, () => tell(\`beside \${at}\`))));
    await tell("outside of steps");
    await look();
    return { n };
  },
  async cancelled({ body: { n }, github }) {
    await github.dispatch("${TARGET}", "undo", { n });
  },
});
`;

async function gitHub(t: TestContext): Promise<StandInGitHub> {
  const github = await startGitHub({ latencyMs: 15 });
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);
  return github;
}

/** Starts a process with the workflow. Returns its URL. */
async function replica(t: TestContext, github: StandInGitHub, settings: Record<string, string> = {}): Promise<string> {
  const port = await fixedPort();
  const service = spawnService(t, {
    ...{ port, dataDir: temporaryFolder(t), githubUrl: github.url },
    settings: { WORKFLOWS_DIR: workflowsFolder(t, { "busy.ts": BUSY }), GITHUB_LIMITS: "off", ...settings },
  });
  await listening(service, port);
  return `http://127.0.0.1:${port}`;
}

type Cancelled = {
  readonly n: number;
  readonly id: string;
  readonly status: number;
  /** When this test read the answer, by the machine's clock. */
  readonly answeredAt: number;
};

/** Starts a run at one replica, and cancels it at any replica after this time. */
async function cancelAfter(urls: readonly string[], n: number, milliseconds: number): Promise<Cancelled> {
  const [from, to] = [urls[n % urls.length]!, urls[(n >> 1) % urls.length]!];
  const headers = { prefer: "respond-async" };
  const started = await send(from, { method: "POST", path: "/busy", headers, body: JSON.stringify({ n }) });
  assert.equal(started.status, 202, started.text);
  const id = started.json.run;
  await wait(milliseconds);
  const { status, text } = await send(to, { method: "POST", path: `/api/runs/${id}/cancel` });
  const answeredAt = machineNow();
  assert.ok([200, 409].includes(status), `${status} ${text}`);
  return { n, id, status, answeredAt };
}

async function cancelAll(
  t: TestContext,
  { github, sends, urls }: { github: StandInGitHub; sends: RecordedSends; urls: readonly string[] },
): Promise<void> {
  const chance = chanceOf(SEED);
  const cancels: Cancelled[] = [];
  for (let first = 0; first < MOMENTS; first += PER_ROUND) {
    const some = Array.from({ length: PER_ROUND }, (_, at) =>
      cancelAfter(urls, first + at, chance.between(0, LONGEST_MS)),
    );
    cancels.push(...(await Promise.all(some)));
  }
  const detailOf = async (id: string) => (await send(urls[0]!, { path: `/api/runs/${id}` })).json;
  const dispatched = (type: string) => github.dispatches.filter(({ eventType }) => eventType === type);
  const details = await Promise.all(cancels.map(({ id }) => detailOf(id)));
  const begun = details.filter(({ status, startedAt }) => status === "cancelled" && startedAt !== null).length;
  await eventually("what had begun was undone", 60_000, () => dispatched("undo").length >= begun);
  await wait(300);

  const sent = sends.all();
  const requests = sent.filter(({ what }) => what === "request");
  assert.ok(requests.length >= github.requests.length, `${requests.length} of ${github.requests.length} were recorded`);
  const sentFor = (n: number) =>
    requests.filter(({ path, body }) => {
      if (!path.endsWith("/dispatches")) return path.includes(`/files/${n}?`) || path.endsWith(`/files/${n}`);
      const { event_type, client_payload } = JSON.parse(body);
      return event_type === "busy" && client_payload.n === n;
    });
  const ends: string[] = [];
  for (const { n, id, status, answeredAt } of cancels) {
    const run = await detailOf(id);
    ends.push(run.status);
    const about = `run ${n}, cancel answered ${status}: ${JSON.stringify(run)}`;
    assert.equal(run.status, status === 200 ? "cancelled" : "success", about);
    const answer = sent.find(({ what, path }) => what === "answer" && path.includes(id));
    assert.ok(answer, `its answer was recorded: ${about}`);
    const late = sentFor(n).filter(({ at }) => at > Math.min(answer.at, answeredAt));
    assert.deepEqual(late, [], `sent after the cancel was answered: ${about}`);
    const undone = dispatched("undo").filter(({ payload }) => payload.n === n).length;
    assert.equal(
      undone,
      run.status === "cancelled" && run.startedAt !== null ? 1 : 0,
      `undone ${undone} times: ${about}`,
    );
  }
  const count = (end: string) => ends.filter((each) => each === end).length;
  t.diagnostic(
    `CANCEL_SEED=${SEED}: ${count("cancelled")} cancelled, ${begun} had begun, ${count("success")} too late`,
  );
  assert.ok(begun > MOMENTS / 4, "too few were cancelled in the middle");
}

describe(`a run with steps and requests that is cancelled at ${MOMENTS} random moments`, () => {
  it("sends nothing after the cancel was answered, and keeps its result when the run ended first", {
    timeout: 600_000,
  }, async (t) => {
    const github = await gitHub(t);
    const sends = recordedSends(t);
    await cancelAll(t, { github, sends, urls: [await replica(t, github, sends.settings)] });
  });

  it("does the same when another replica is asked to cancel it", { timeout: 600_000 }, async (t) => {
    const github = await gitHub(t);
    const sends = recordedSends(t);
    const shared = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema(), ...sends.settings };
    const urls = [await replica(t, github, shared), await replica(t, github, shared)];
    await cancelAll(t, { github, sends, urls });
  });
});
