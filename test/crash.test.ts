import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type GitHubOptions, type StandInGitHub, startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { integrity, readHistory, type StoredRun, snapshotOf, unfinished } from "./support/history.ts";
import {
  everyAnswerWasKept,
  isSuspect,
  latestWins,
  onlyInterruptedAttemptsSendAgain,
  type Sent,
} from "./support/judge.ts";
import { dispatchTo, eventually, fixedPort, type Heard, listening, spawnService } from "./support/process.ts";
import { type Chance, chanceOf } from "./support/random.ts";
import { DEPLOYMENT, send, TARGET, TOKEN } from "./support/service.ts";

const DEPLOYMENTS = 70;
const KILLS = 7;

/** Set `CRASH_SEED` to repeat the waves and kills of a test run. */
const SEED = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 32));

async function gitHub(t: TestContext, options: GitHubOptions = {}): Promise<StandInGitHub> {
  const github = await startGitHub(options);
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);
  return github;
}

/** The values file of an application at one revision. The tag in it is the revision. */
function deployAt(github: StandInGitHub, { application, revision }: { application: string; revision: string }): void {
  const values = `global:\n  config:\n    DEPLOYMENT_TAG: ${revision}\n`;
  github.repository(DEPLOYMENT).put(`configs/pr/light/${application}/values.yaml`, values, revision);
}

/** `delay`: when it is sent, as a share of its wave's length, from 0 to 1. */
type Event = Sent & { asynchronous: boolean; delay: number };

/** Every event has a unique revision, so the commit that arrives shows which event it was. */
function eventsOf(chance: Chance): Event[] {
  return Array.from({ length: DEPLOYMENTS }, (_, at) => ({
    application: chance.next() < 0.5 ? `pr-shared-${chance.between(1, 3)}` : `pr-${at}`,
    revision: `commit-${at}`,
    asynchronous: chance.next() < 0.5,
    delay: chance.next(),
  }));
}

describe("a service that is killed", () => {
  it(`${DEPLOYMENTS} deployments and ${KILLS} kills: every answered one is dispatched, or superseded by one that is`, {
    timeout: 600_000,
  }, async (t) => {
    t.diagnostic(`CRASH_SEED=${SEED}`);
    const [chance, slowness] = [chanceOf(SEED), chanceOf(SEED + 1)];
    const github = await gitHub(t, { latencyMs: 5 });
    for (const [ms, probability] of [
      [15, 0.3],
      [7, 0.5],
    ] as const) {
      github.fault({ probability, random: slowness.next }, { kind: "delay", ms });
    }
    const events = eventsOf(chanceOf(SEED + 2));
    for (const event of events) deployAt(github, event);
    const dataDir = temporaryFolder(t);
    const port = await fixedPort();
    const start = () => spawnService(t, { port, dataDir, githubUrl: github.url });

    let answersHeard = 0;
    const callers: Promise<{ event: Event; heard: Heard | undefined }>[] = [];
    const call = async (event: Event, waveMs: number) => {
      await wait(event.delay * waveMs);
      const { application, revision } = event;
      const headers: Record<string, string> = event.asynchronous ? { prefer: "respond-async" } : {};
      const heard = await dispatchTo(port, { application, revision }, headers);
      if (heard) answersHeard++;
      return { event, heard };
    };
    const leftRunning: (() => string[])[] = [];
    let service = start();
    for (let kill = 0; kill < KILLS; kill++) {
      const wave = events.slice((kill * DEPLOYMENTS) / KILLS, ((kill + 1) * DEPLOYMENTS) / KILLS);
      const moment = chance.pick(["while it starts", "at any time", "at any time", "at work", "at work", "at work"]);
      if (moment !== "while it starts") await listening(service, port);
      const waveMs = moment === "at work" ? 30 : 400;
      callers.push(...wave.map((event) => call(event, waveMs)));
      if (moment === "at work") {
        const answers = answersHeard + chance.between(1, wave.length - 1);
        const latest = performance.now() + 1000;
        while (answersHeard < answers && performance.now() < latest) await wait(1);
        await wait(chance.between(0, 10));
      } else await wait(chance.between(0, 500));
      await service.kill();
      leftRunning.push(snapshotOf(dataDir, temporaryFolder(t)));
      service = start();
    }
    await listening(service, port);
    const heard = await Promise.all(callers);
    assert.equal((await send(`http://127.0.0.1:${port}`, { path: "/health" })).status, 200);
    await eventually("no run is queued or running", 60_000, () => unfinished(dataDir) === 0);
    for (const { id } of readHistory(dataDir).filter(isSuspect)) {
      const { status, text } = await send(`http://127.0.0.1:${port}`, {
        method: "POST",
        path: `/api/runs/${id}/rerun`,
      });
      assert.ok(status === 202 || (status === 409 && /Its group has a newer run/.test(text)), text);
    }
    await eventually("what was re-run has ended", 60_000, () => unfinished(dataDir) === 0);
    service.stop();
    assert.equal(await service.ended, 0);
    assert.doesNotMatch(service.output(), /"level":"(error|fatal)"/);

    const runs = readHistory(dataDir);
    const dispatches = github.dispatches.map(({ payload, at }) => ({ tag: String(payload.commitHash), at }));
    // A process that is killed before it opens the database leaves the state of the one before it.
    const interrupted = [...new Set(leftRunning.flatMap((read) => read()))];
    const answered = heard.filter((each) => each.heard !== undefined);
    t.diagnostic(
      `${answered.length} answered, ${runs.length} accepted, ${dispatches.length} dispatched, ` +
        `${runs.filter(({ status }) => status === "superseded").length} superseded, ${interrupted.length} interrupted`,
    );
    assert.equal(integrity(dataDir), "ok");
    assert.ok(answered.length > DEPLOYMENTS / 10, "too few were answered to show anything");
    everyAnswerWasKept(answered, runs, dispatches);
    historyTellsTheTruth(runs, interrupted);
    onlyInterruptedAttemptsSendAgain(runs, dispatches);
    latestWins(runs, dispatches);
  });

  it("a run with the caller's token fails, asks to send it again, and leaves no token behind", {
    timeout: 600_000,
  }, async (t) => {
    const ownToken = "ghp_ownToken9876543210zyxwvutsrqponmlkji";
    const github = await gitHub(t);
    github.token(ownToken);
    const [first, second] = ["commit-1", "commit-2"].map((revision) => ({ application: "pr-1", revision }));
    for (const event of [first!, second!]) deployAt(github, event);
    const dataDir = temporaryFolder(t);
    const port = await fixedPort();
    const start = () => spawnService(t, { port, dataDir, githubUrl: github.url, settings: { LOG_LEVEL: "trace" } });
    const killed = start();
    const done = await dispatchTo(port, { ...first!, github_token: ownToken });
    assert.equal(done?.status, 200);
    assert.equal(github.dispatches[0]?.token, ownToken);

    const hang = github.fault({}, { kind: "hang" });
    const broken = dispatchTo(port, { ...second!, github_token: ownToken });
    await eventually("GitHub is asked", 60_000, () => hang.met > 0);
    await killed.kill();
    assert.equal(await broken, undefined);
    assertNowhere(dataDir, ownToken);
    github.clearFaults();

    const restarted = start();
    await listening(restarted, port);
    assert.equal((await send(`http://127.0.0.1:${port}`, { path: "/health" })).status, 200);
    const [, run] = readHistory(dataDir);
    assert.equal(run?.status, "failure");
    assert.match(run?.reason ?? "", /send it again/i);
    assert.deepEqual(
      run?.attempts.map(({ number, outcome }) => ({ number, outcome })),
      [{ number: 1, outcome: "interrupted" }],
    );
    assertNowhere(dataDir, ownToken);
    restarted.stop();
    assert.equal(await restarted.ended, 0);
    assertNowhere(dataDir, ownToken);
    assert.equal(github.dispatches.length, 1);
    for (const { output } of [killed, restarted]) assert.equal(output().includes(ownToken), false);
  });

  it("SIGTERM while GitHub hangs: callers get the answer that their runs wait, exit 0 in time, dispatched after a restart", {
    timeout: 600_000,
  }, async (t) => {
    const github = await gitHub(t);
    const events = ["pr-1", "pr-2"].map((application) => ({ application, revision: `of-${application}` }));
    for (const event of events) deployAt(github, event);
    const dataDir = temporaryFolder(t);
    const port = await fixedPort();
    const stopped = spawnService(t, { port, dataDir, githubUrl: github.url });
    const hang = github.fault({}, { kind: "hang" });
    await listening(stopped, port);
    const waiting = dispatchTo(port, events[0]!);
    const accepted = await dispatchTo(port, events[1]!, { prefer: "respond-async" });
    assert.equal(accepted?.status, 202);
    await eventually("GitHub is asked for both", 60_000, () => hang.met === 4);
    const signalled = performance.now();
    stopped.stop();
    const told = await waiting;
    assert.equal(told?.status, 202, `${told?.text}`);
    assert.equal(await stopped.ended, 0);
    // After 10 s the runs are given back. The rest is for a busy machine. The client would give up on GitHub after 45 s.
    assert.ok(performance.now() - signalled < 25_000, `took ${performance.now() - signalled} ms`);
    assert.doesNotMatch(stopped.output(), /"level":"(error|fatal)"/);
    for (const run of readHistory(dataDir)) {
      assert.equal(run.status, "queued");
      assert.deepEqual(
        run.attempts.map(({ number, outcome }) => ({ number, outcome })),
        [{ number: 1, outcome: "stopped" }],
      );
    }

    github.clearFaults();
    const restarted = spawnService(t, { port, dataDir, githubUrl: github.url });
    await listening(restarted, port);
    assert.equal((await send(`http://127.0.0.1:${port}`, { path: "/health" })).status, 200);
    await eventually("both are dispatched", 60_000, () => unfinished(dataDir) === 0);
    assert.deepEqual(
      github.dispatches.map(({ payload }) => payload.commitHash).sort(),
      events.map(({ revision }) => revision),
    );
    for (const run of readHistory(dataDir)) {
      assert.deepEqual([run.status, run.begun, run.attempts.at(-1)?.outcome], ["success", 2, "success"]);
    }
    assert.deepEqual(
      readHistory(dataDir).map(({ id }) => id),
      [told?.run, accepted?.run],
    );
    restarted.stop();
    assert.equal(await restarted.ended, 0);
  });
});

/** `interrupted`: the attempts that were running in the database at the kills. */
function historyTellsTheTruth(runs: readonly StoredRun[], interrupted: readonly string[]): void {
  const told: string[] = [];
  for (const run of runs) {
    const about = JSON.stringify(run);
    assert.ok(["success", "superseded"].includes(run.status) || isSuspect(run), about);
    assert.deepEqual(
      run.attempts.map(({ number }) => number),
      Array.from({ length: run.begun }, (_, at) => at + 1),
      about,
    );
    let before = run.acceptedAt;
    for (const { startedAt, endedAt } of run.attempts) {
      assert.ok(before <= startedAt && startedAt <= endedAt, about);
      before = endedAt;
    }
    const outcomes = run.attempts.map(({ outcome }) => outcome);
    if (run.status === "success") assert.equal(outcomes.pop(), "success", about);
    assert.deepEqual(new Set(outcomes).difference(new Set(["interrupted"])), new Set(), about);
    told.push(
      ...run.attempts.filter((each) => each.outcome === "interrupted").map((each) => `${run.id}/${each.number}`),
    );
  }
  assert.deepEqual(told.sort(), [...interrupted].sort());
}

function assertNowhere(folder: string, secret: string): void {
  const files = readdirSync(folder);
  assert.ok(files.includes("gh-runner.sqlite"));
  for (const file of files) assert.equal(readFileSync(join(folder, file)).includes(secret), false, `in ${file}`);
}
