import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { integrity, snapshotOf } from "./support/history.ts";
import { startPostgres } from "./support/postgres.ts";
import { ask } from "./support/postgres-history.ts";
import { eventually, fixedPort, listening, type ServiceProcess, spawnService } from "./support/process.ts";
import { chanceOf } from "./support/random.ts";
import { send, TARGET, TOKEN } from "./support/service.ts";
import { workflowsFolder } from "./support/workflows.ts";

const KILLS = 7;
const KILLS_OF_REPLICAS = 5;
const STOPS = 3;
const RUNS_A_KILL = 6;
const SLEEP_MS = 300;
const STEPS = ["before", "between", "after"] as const;

/** Set `WAITS_SEED` to repeat the moments of a test run. */
const SEED = Number(process.env.WAITS_SEED ?? Math.floor(Math.random() * 2 ** 32));

/** Three effects, a sleep between the first two, and a wait for a file before the third. */
const WAITER = `import { defineWorkflow } from "gh-runner";
import * as z from "zod";

export default defineWorkflow({
  name: "waiter",
  on: { http: { path: "/waiter", body: z.object({ n: z.number() }) } },
  async run({ body: { n }, github, sleep, step, waitUntil }) {
    const tell = (what: string) => step(what, () => github.dispatch("${TARGET}", what, { n }));
    await tell("before");
    await sleep("short", "${SLEEP_MS}ms");
    await tell("between");
    const flag = await waitUntil("flag", () => github.readFile("${TARGET}", \`flags/\${n}\`, {}), { every: "1s", timeout: "5m" });
    await tell("after");
    return { flag };
  },
});
`;

type StoredStep = { readonly n: number; readonly name: string; readonly endedAt: number };
type StoredRun = { readonly n: number; readonly status: string; readonly outputs: string; readonly outcomes: string[] };
type Database = { steps(): Promise<StoredStep[]>; runs(): Promise<StoredRun[]> };

// biome-ignore lint/suspicious/noExplicitAny: rows of either database
type Rows = (sql: string) => Promise<any[]>;

/** @param schema with its dot, as it comes before the name of a table */
function databaseOf(rows: Rows, schema = ""): Database {
  return {
    async steps() {
      const all = await rows(
        `SELECT r.input, s.name, s.ended_at FROM ${schema}steps s JOIN ${schema}runs r ON r.seq = s.run
         WHERE s.ended_at IS NOT NULL AND s.name IN ('before', 'between', 'after')`,
      );
      return all.map(({ input, name, ended_at }) => ({ n: JSON.parse(input).n, name, endedAt: Number(ended_at) }));
    },
    async runs() {
      const tries = await rows(`SELECT run, outcome FROM ${schema}attempts ORDER BY run, number`);
      const attempts = Map.groupBy(tries, ({ run }) => String(run));
      const all = await rows(`SELECT seq, input, status, outputs FROM ${schema}runs ORDER BY seq`);
      return all.map(({ seq, input, status, outputs }) => ({
        n: JSON.parse(input).n,
        status,
        outputs,
        outcomes: (attempts.get(String(seq)) ?? []).map(({ outcome }) => outcome),
      }));
    },
  };
}

function sqliteIn(folder: string): Database {
  return databaseOf(async (sql) => {
    const db = new DatabaseSync(join(folder, "gh-runner.sqlite"), { timeout: 5000 });
    try {
      return db.prepare(sql).all();
    } finally {
      db.close();
    }
  });
}

async function gitHub(t: TestContext): Promise<StandInGitHub> {
  const github = await startGitHub({ latencyMs: 10 });
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);
  return github;
}

/** Starts a run on a service that may be starting or dying. False when the connection broke: the run may have been accepted. */
async function begin(port: number, n: number): Promise<boolean> {
  for (;;) {
    try {
      const headers = { prefer: "respond-async" };
      const body = JSON.stringify({ n });
      const { status } = await send(`http://127.0.0.1:${port}`, { method: "POST", path: "/waiter", headers, body });
      assert.equal(status, 202);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ECONNREFUSED") return false;
      await wait(5);
    }
  }
}

/**
 * Work that is known to have ended at a moment is not sent after it. Each run ends once, with all its work done.
 * @returns how many attempts were interrupted.
 */
function judge(
  t: TestContext,
  { github, answered, known, runs }: { github: StandInGitHub; answered: number[]; known: Known[]; runs: StoredRun[] },
): number {
  const sent = github.dispatches.map(({ eventType, payload, at }) => ({ n: Number(payload.n), name: eventType, at }));
  const outcomes = runs.flatMap((run) => run.outcomes);
  const count = (outcome: string) => outcomes.filter((each) => each === outcome).length;
  t.diagnostic(
    `WAITS_SEED=${SEED}: ${runs.length} runs, ${count("waiting")} waits, ${count("interrupted")} interrupted, ` +
      `${sent.length - STEPS.length * runs.length} effects sent again`,
  );
  for (const n of answered) assert.equal(runs.filter((run) => run.n === n).length, 1, `run ${n} of an answered event`);
  for (const { n, status, outputs, outcomes: of } of runs) {
    const about = `run ${n}: ${of.join(", ")}`;
    assert.equal(status, "success", about);
    assert.deepEqual(JSON.parse(outputs), { flag: `flag ${n}` }, about);
    assert.equal(of.filter((outcome) => outcome === "success").length, 1, about);
    for (const name of STEPS) {
      const times = sent.filter((each) => each.n === n && each.name === name).map(({ at }) => at);
      const interrupted = of.filter((outcome) => outcome === "interrupted").length;
      assert.ok(times.length >= 1 && times.length <= 1 + interrupted, `${about}: ${name} sent ${times.length} times`);
    }
    const first = (name: string) => sent.find((each) => each.n === n && each.name === name)?.at ?? Number.NaN;
    assert.ok(first("between") - first("before") >= SLEEP_MS, `${about}: slept too short`);
  }
  for (const { at, ended } of known) {
    for (const { n, name } of ended) {
      const again = sent.filter((each) => each.n === n && each.name === name && each.at > at);
      assert.deepEqual(again, [], `${name} of run ${n} had ended, and was sent again`);
    }
  }
  return count("interrupted");
}

/** Steps that had ended at a moment. */
type Known = { readonly at: number; readonly ended: StoredStep[] };

/** Ends the process this many times at random moments, and judges the runs. */
async function onOneProcess(t: TestContext, times: number, signal: "SIGKILL" | "SIGTERM"): Promise<number> {
  const chance = chanceOf(SEED);
  const github = await gitHub(t);
  const settings = { WORKFLOWS_DIR: workflowsFolder(t, { "waiter.ts": WAITER }), GITHUB_LIMITS: "off" };
  const [dataDir, port] = [temporaryFolder(t), await fixedPort()];
  const start = () => spawnService(t, { port, dataDir, githubUrl: github.url, settings });
  const callers: Promise<number | undefined>[] = [];
  const known: Known[] = [];
  let service = start();
  for (let kill = 0; kill < times; kill++) {
    await listening(service, port);
    callers.push(...wave(github, chance, kill, () => port));
    await moment(github, chance);
    service.child.kill(signal);
    await service.ended;
    const at = Date.now();
    const copy = temporaryFolder(t);
    snapshotOf(dataDir, copy);
    known.push({ at, ended: await sqliteIn(copy).steps() });
    service = start();
  }
  await listening(service, port);
  const answered = (await Promise.all(callers)).filter((n) => n !== undefined);
  const database = sqliteIn(dataDir);
  await eventually("every run has ended", 60_000, async () => (await database.runs()).every(hasEnded));
  service.stop();
  assert.equal(await service.ended, 0);
  assert.equal(integrity(dataDir), "ok");
  return judge(t, { github, answered, known, runs: await database.runs() });
}

describe("a service that is killed while runs sleep, wake and work", () => {
  it(`${KILLS} kills: each run ends once, and no step that had ended is repeated`, { timeout: 600_000 }, async (t) => {
    assert.ok((await onOneProcess(t, KILLS, "SIGKILL")) > 0, "no kill hit an attempt");
  });

  it(`${STOPS} orderly stops: the same, and no attempt is interrupted`, { timeout: 600_000 }, async (t) => {
    assert.equal(await onOneProcess(t, STOPS, "SIGTERM"), 0);
  });

  it(`${KILLS_OF_REPLICAS} kills among three replicas: the same`, { timeout: 600_000 }, async (t) => {
    const chance = chanceOf(SEED + 1);
    const github = await gitHub(t);
    const postgres = await startPostgres();
    t.after(() => postgres.stop());
    const schema = "waits";
    const settings = {
      WORKFLOWS_DIR: workflowsFolder(t, { "waiter.ts": WAITER }),
      DATABASE_URL: postgres.url,
      DATABASE_SCHEMA: schema,
      GITHUB_LIMITS: "off",
    };
    const database = databaseOf((sql) => ask(postgres.url, sql), `${schema}.`);
    const replicas: { port: number; service: ServiceProcess; start(): ServiceProcess }[] = [];
    for (let at = 0; at < 3; at++) {
      const port = await fixedPort();
      const start = () => spawnService(t, { port, dataDir: temporaryFolder(t), githubUrl: github.url, settings });
      replicas.push({ port, start, service: start() });
    }
    for (const { service, port } of replicas) await listening(service, port);
    const callers: Promise<number | undefined>[] = [];
    const known: Known[] = [];
    for (let kill = 0; kill < KILLS_OF_REPLICAS; kill++) {
      const victim = chance.pick(replicas);
      await listening(victim.service, victim.port);
      callers.push(...wave(github, chance, kill, () => chance.pick([victim, ...replicas]).port));
      await moment(github, chance);
      await victim.service.kill();
      known.push({ ended: await database.steps(), at: Date.now() });
      victim.service = victim.start();
    }
    for (const { service, port } of replicas) await listening(service, port);
    const answered = (await Promise.all(callers)).filter((n) => n !== undefined);
    await eventually("every run has ended", 90_000, async () => (await database.runs()).every(hasEnded));
    for (const { service } of replicas) service.stop();
    for (const { service } of replicas) assert.equal(await service.ended, 0);
    assert.ok(judge(t, { github, answered, known, runs: await database.runs() }) > 0, "no kill hit an attempt");
  });
});

/** A random moment, or one at which an attempt works, because runs wait most of the time. */
async function moment(github: StandInGitHub, chance: ReturnType<typeof chanceOf>): Promise<void> {
  await wait(chance.between(20, 700));
  if (chance.next() < 0.5) return;
  const asked = github.requests.length;
  const latest = performance.now() + 2000;
  while (github.requests.length === asked && performance.now() < latest) await wait(1);
  await wait(chance.between(0, 15));
}

const hasEnded = ({ status }: StoredRun) => !["queued", "running", "waiting"].includes(status);

/** Runs that begin now or soon, and the files that they wait for, which come a little later. */
function wave(
  github: StandInGitHub,
  chance: ReturnType<typeof chanceOf>,
  kill: number,
  port: () => number,
): Promise<number | undefined>[] {
  return Array.from({ length: RUNS_A_KILL }, async (_, at) => {
    const n = kill * RUNS_A_KILL + at;
    const [delay, flagged, to] = [chance.between(0, 300), chance.between(0, 2000), port()];
    await wait(delay);
    void wait(flagged).then(() => github.repository(TARGET).put(`flags/${n}`, `flag ${n}`));
    return (await begin(to, n)) ? n : undefined;
  });
}
