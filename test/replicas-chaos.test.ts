import assert from "node:assert/strict";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { everyAnswerWasKept, latestWins, onlyInterruptedAttemptsSendAgain, type Sent } from "./support/judge.ts";
import { type StartedPostgres, startPostgres } from "./support/postgres.ts";
import { ask, readHistoryOf } from "./support/postgres-history.ts";
import {
  dispatchOnce,
  fixedPort,
  type Heard,
  listening,
  type ServiceProcess,
  spawnService,
} from "./support/process.ts";
import { type Chance, chanceOf } from "./support/random.ts";
import { DEPLOYMENT, TARGET, TOKEN } from "./support/service.ts";

const REPLICAS = 3;
const DEPLOYMENTS = 1000;
const APPLICATIONS = 300;
/** The time during which the deployments come, ms. */
const TRAFFIC_MS = 40_000;
const FREEZE_MS = 20_000;

/** A replica that could not receive notifications for a while receives them again after this time, ms. */
const HEARS_AGAIN_MS = 3000;

/** So wide that they delay nothing: with windows in force, replicas ask the database before each request to GitHub. */
const WIDE_WINDOWS = "points=1000000/60s,writes=100000/60s";

/**
 * A replica that still asks GitHub this long after another one met a limit was not notified, ms. Pauses last longer. On a busy
 * machine the notification took up to a second.
 */
const TOLD_MS = 3000;

/** Set `CHAOS_SEED` to repeat the deployments and faults of a test run. */
const SEED = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 32));

describe("three replicas", () => {
  it(`${DEPLOYMENTS} deployments while replicas are killed and the database is restarted and frozen: every answered one is dispatched, or superseded by one that is`, {
    timeout: 600_000,
  }, async (t) => {
    t.diagnostic(`CHAOS_SEED=${SEED}`);
    const chance = chanceOf(SEED);
    const postgres = await startPostgres();
    t.after(() => postgres.stop());
    const github = await slowGitHub(t);
    const schema = "chaos";
    const settings = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: schema, GITHUB_LIMITS: WIDE_WINDOWS };
    const fleet = await startFleet(t, settings, github);
    await fleet.ready();

    const lag = monitorEventLoopDelay({ resolution: 10 });
    lag.enable();
    const begun = performance.now();
    const callers = eventsOf(chanceOf(SEED + 2)).map((event) => call(event, fleet, github));
    const done = await havoc(chance, { fleet, postgres, github });
    const answers = (await Promise.all(callers)).flat();
    await fleet.ready();
    const answeredAfter = performance.now() - begun;
    await ended(postgres.url, schema, 60_000);
    const endedAfter = performance.now() - begun;
    await fleet.stop();

    const runs = await readHistoryOf(postgres.url, schema);
    const dispatches = github.dispatches.map(({ payload, at }) => ({ tag: String(payload.commitHash), at }));
    const answered = answers.filter(({ heard }) => heard !== undefined);
    const attempts = runs.flatMap((run) => run.attempts);
    t.diagnostic(
      `${done.kills} kills, ${done.limits} limits; ${answered.length} answered of ${answers.length} sent, ${runs.length} accepted, ` +
        `${dispatches.length} dispatched, ${runs.filter(({ status }) => status === "superseded").length} superseded, ` +
        `${attempts.filter(({ outcome }) => outcome === "interrupted").length} interrupted, ` +
        `${dispatches.length - new Set(dispatches.map(({ tag }) => tag)).size} sent again, ` +
        `${github.counts.whilePaused} asked while told to wait (at most ${Math.round(github.counts.lateness)} ms late, GitHub itself ${Math.round(lag.max / 1e6)} ms), ` +
        `${Math.round(answeredAfter / 1000)} s of calls, ${Math.round(endedAfter / 1000)} s until all had ended`,
    );
    assert.equal(answered.length, DEPLOYMENTS);
    everyAnswerWasKept(answered, runs, dispatches);
    onlyInterruptedAttemptsSendAgain(runs, dispatches);
    latestWins(runs, dispatches);
    assert.ok(done.limits >= 2, "GitHub limited too seldom");
    // What GitHub receives late because the test itself is delayed was not sent late.
    assert.ok(github.counts.lateness <= TOLD_MS + lag.max / 1e6, `asked ${github.counts.lateness} ms late`);
  });
});

async function slowGitHub(t: TestContext): Promise<StandInGitHub> {
  const github = await startGitHub({ latencyMs: 5 });
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);
  const slowness = chanceOf(SEED + 1);
  for (const [ms, probability] of [
    [40, 0.3],
    [10, 0.5],
  ] as const) {
    github.fault({ probability, random: slowness.next }, { kind: "delay", ms });
  }
  return github;
}

/** `heard`: undefined when it is unknown whether the event was accepted. */
type Answer = { readonly event: Sent; readonly heard: Heard | undefined };

type Event = { application: string; number: number; asynchronous: boolean; atMs: number; first: number };

/** A tenth of the applications get half of the deployments. */
function eventsOf(chance: Chance): Event[] {
  return Array.from({ length: DEPLOYMENTS }, (_, number) => {
    const busy = chance.next() < 0.5;
    return {
      application: `pr-${chance.between(1, busy ? APPLICATIONS / 10 : APPLICATIONS)}`,
      number,
      asynchronous: chance.next() < 0.5,
      atMs: chance.next() * TRAFFIC_MS,
      first: chance.between(0, REPLICAS - 1),
    };
  });
}

/**
 * Imitates a Kubernetes Service with a caller that retries: after a 503, a 408 or a lost connection the next replica gets the event.
 * The fate of those is unknown, so each try brings a different commit.
 */
async function call(event: Event, fleet: Fleet, github: StandInGitHub): Promise<Answer[]> {
  await wait(event.atMs);
  const { application, number, asynchronous, first } = event;
  const headers: Record<string, string> = asynchronous ? { prefer: "respond-async" } : {};
  const tries: Answer[] = [];
  for (let turn = first; tries.length < 20; turn++) {
    const sent = { application, revision: `commit-${number}-${tries.length}` };
    deployAt(github, sent);
    const heard = await dispatchOnce(fleet.ports[turn % REPLICAS]!, sent, headers);
    if (heard === "not listening") {
      await wait(50);
      continue;
    }
    if (heard && ![408, 503].includes(heard.status)) return [...tries, { event: sent, heard }];
    tries.push({ event: sent, heard: undefined });
    await wait(Math.min(1000 * 2 ** (tries.length - 1), 8000));
  }
  return tries;
}

/** The values file of an application at one revision. The tag in it is the revision. */
function deployAt(github: StandInGitHub, { application, revision }: Sent): void {
  const values = `global:\n  config:\n    DEPLOYMENT_TAG: ${revision}\n`;
  github.repository(DEPLOYMENT).put(`configs/pr/light/${application}/values.yaml`, values, revision);
}

type Fleet = {
  readonly ports: readonly number[];
  /** SIGKILL. It is started again immediately, as its platform would do. */
  kill(replica: number): Promise<void>;
  /** Resolves when all listen. */
  ready(): Promise<void>;
  stop(): Promise<void>;
};

async function startFleet(t: TestContext, settings: Record<string, string>, github: StandInGitHub): Promise<Fleet> {
  const ports = await Promise.all(Array.from({ length: REPLICAS }, fixedPort));
  let stopping = false;
  const start = (at: number): ServiceProcess => {
    const command = ["dist/gh-runner.js", "serve"];
    const port = ports[at]!;
    const dataDir = temporaryFolder(t);
    const service = spawnService(t, { port, dataDir, githubUrl: github.url, command, settings });
    let killed = false;
    const replica = {
      ...service,
      async kill() {
        killed = true;
        await service.kill();
      },
    };
    const listens = listening(service, port).then(
      () => true,
      () => false,
    );
    void service.ended.then(async (code) => {
      if (stopping) return;
      // Only a process that cannot start ends without a kill: the database is unavailable.
      if (!killed) assert.deepEqual([code, await listens], [1, false], service.output());
      await wait(killed ? 0 : 500);
      replicas[at] = start(at);
    });
    return replica;
  };
  const replicas = ports.map((_, at) => start(at));
  return {
    ports,
    kill: (at) => replicas[at]!.kill(),
    async ready() {
      for (const at of replicas.keys()) {
        while (
          !(await listening(replicas[at]!, ports[at]!).then(
            () => true,
            () => false,
          ))
        )
          await wait(100);
      }
    },
    async stop() {
      stopping = true;
      for (const replica of replicas) replica.stop();
      for (const replica of replicas) assert.equal(await replica.ended, 0, replica.output());
    },
  };
}

/** One fault after the other, so that no process is killed while it notifies the others about a limit. */
async function havoc(
  chance: Chance,
  { fleet, postgres, github }: { fleet: Fleet; postgres: StartedPostgres; github: StandInGitHub },
): Promise<{ kills: number; limits: number }> {
  const done = { kills: 0, limits: 0 };
  const kill = async () => {
    await fleet.kill(chance.between(0, REPLICAS - 1));
    done.kills++;
  };
  const limit = async () => {
    const fault = github.fault(
      { times: 1 },
      { kind: "limit", secondary: true, retryAfterSeconds: chance.between(4, 5) },
    );
    const latest = performance.now() + 3000;
    while (fault.met === 0 && performance.now() < latest) await wait(5);
    fault.remove();
    done.limits += fault.met;
    await wait(1000);
  };
  /** All actions in any order, spread over about this time. */
  const all = async (milliseconds: number, actions: readonly (() => Promise<void>)[]) => {
    for (const left = [...actions]; left.length > 0; ) {
      await wait((chance.next() * 2 * milliseconds) / actions.length);
      await left.splice(chance.between(0, left.length - 1), 1)[0]!();
    }
  };
  await all(3000, [kill, kill, limit]);
  await postgres.restart();
  await fleet.ready();
  await all(2000, [kill, limit]);
  postgres.freeze();
  const thaws = wait(FREEZE_MS).then(postgres.thaw);
  await all(10_000, [kill, kill]);
  await thaws;
  await wait(HEARS_AGAIN_MS);
  await all(2000, [kill, limit]);
  await postgres.crash();
  await wait(HEARS_AGAIN_MS);
  await all(3000, [kill, kill, limit]);
  return done;
}

/** Resolves when no run is queued or running. */
async function ended(url: string, schema: string, milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const left = await ask(
      url,
      `SELECT id, status, grp, reason, due_at, lease_until, owner FROM ${schema}.runs WHERE status IN ('queued', 'running')`,
    );
    if (left.length === 0) return;
    assert.ok(performance.now() < end, `after ${milliseconds} ms not ended: ${JSON.stringify(left.slice(0, 5))}`);
    await wait(200);
  }
}
