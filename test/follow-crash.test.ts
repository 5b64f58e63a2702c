import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { integrity } from "./support/history.ts";
import { isSuspect } from "./support/judge.ts";
import { startPostgres } from "./support/postgres.ts";
import { dispatchTo, eventually, fixedPort, listening, type ServiceProcess, spawnService } from "./support/process.ts";
import { chanceOf } from "./support/random.ts";
import { deploy, send, TARGET, TOKEN } from "./support/service.ts";
import { WEBHOOK_SECRET } from "./support/webhooks.ts";

const KILLS = 7;
const PREVIEWS_A_KILL = 3;
/** How the tests of the nth preview end, in the attempt that is followed. */
const CONCLUSIONS = ["success", "failure", "timed_out", "success"] as const;
const STATES = { success: "success", failure: "failure", timed_out: "error" } as const;
const TARGET_WORKFLOW = readFileSync(new URL("../deploy/target/environment-ready.yml", import.meta.url), "utf8");

/** Set `FOLLOW_SEED` to repeat the moments of a test run. */
const SEED = Number(process.env.FOLLOW_SEED ?? Math.floor(Math.random() * 2 ** 32));

type Replica = { readonly port: number; service: ServiceProcess; start(): ServiceProcess };
type ListedRun = { readonly id: string; readonly group: string; readonly status: string; readonly reason?: string };

const shaOf = (number: number) => number.toString(16).padStart(4, "0").repeat(10);
const conclusionOf = (number: number) => CONCLUSIONS[number % CONCLUSIONS.length] ?? "success";

async function scene(t: TestContext, chance: ReturnType<typeof chanceOf>) {
  const github = await startGitHub({ latencyMs: 10 });
  t.after(() => github.close());
  github.token(TOKEN);
  const shop = github.repository(TARGET);
  shop.put(".github/workflows/environment-ready.yml", TARGET_WORKFLOW);
  github.actions.script(({ payload }) => ({
    appearsAfterMs: chance.between(0, 100),
    startsAfterMs: chance.between(0, 300),
    takesMs: chance.between(100, 800),
    conclusion: conclusionOf(Number(String(payload.sourceName).slice(3))),
  }));
  const settings = {
    FOLLOW: "status,comment",
    GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET,
    GITHUB_LIMITS: "off",
    // Runs appear within 100 ms here.
    NOTHING_AFTER: "10s",
  };
  return { github, shop, settings };
}

type Scene = Awaited<ReturnType<typeof scene>>;

/** Notifies of new previews, and kills a process in the middle of that, this many times. Then all of them must end well. */
async function judged(
  t: TestContext,
  { github, shop }: Scene,
  replicas: readonly Replica[],
  chance: ReturnType<typeof chanceOf>,
): Promise<void> {
  const hook = github.hook(TARGET, `http://127.0.0.1:${replicas[0]?.port}/webhooks/github`, { secret: WEBHOOK_SECRET });
  const answered: Promise<number | undefined>[] = [];
  let number = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const victim = chance.pick([...replicas]);
    await listening(victim.service, victim.port);
    // Webhooks go to a process that may end soon.
    hook.url = `http://127.0.0.1:${chance.pick([...replicas]).port}/webhooks/github`;
    for (let nth = 0; nth < PREVIEWS_A_KILL; nth++) {
      const [mine, sha] = [++number, shaOf(number)];
      shop.addCommit(sha);
      shop.openPull({ number: mine, head: { ref: `change-${mine}`, sha } });
      deploy(github, `pr-${mine}`, sha);
      const { port } = chance.pick([victim, ...replicas]);
      const delay = chance.between(0, 300);
      answered.push(
        wait(delay)
          .then(() => dispatchTo(port, { application: `pr-${mine}` }))
          .then((heard) => (heard === undefined ? undefined : mine)),
      );
    }
    await wait(chance.between(20, 1200));
    await victim.service.kill();
    victim.service = victim.start();
  }
  for (const { service, port } of replicas) await listening(service, port);
  const all = (await Promise.all(answered)).filter((each) => each !== undefined);
  const runs = async (workflow: string): Promise<readonly ListedRun[]> =>
    (await send(`http://127.0.0.1:${replicas[0]?.port}`, { path: `/api/runs?workflow=${workflow}&limit=100` })).json
      .runs;
  const open = async () => {
    const each = [...(await runs("environment-ready")), ...(await runs("preview-tests"))];
    const again: ListedRun[] = [];
    for (const run of each.filter(isSuspect)) {
      const path = `/api/runs/${run.id}/rerun?from=failure`;
      const { status, text } = await send(`http://127.0.0.1:${replicas[0]?.port}`, { method: "POST", path });
      if (status === 202) again.push(run);
      else assert.match(text, /Its group has a newer run/);
    }
    return [...again, ...each.filter(({ status }) => ["queued", "running", "waiting"].includes(status))];
  };
  await eventually("every run has ended", 150_000, async () => (await open()).length === 0).catch(async (error) => {
    throw new Error(`still open: ${JSON.stringify(await open(), null, 1)}`, { cause: error });
  });

  const dispatchers = await runs("environment-ready");
  const followers = Map.groupBy(await runs("preview-tests"), ({ group }) => group);
  t.diagnostic(`FOLLOW_SEED=${SEED}: ${dispatchers.length} notifications, ${github.dispatches.length} events`);
  for (const each of all)
    assert.ok(
      dispatchers.some(({ group }) => group === `pr-${each}`),
      `pr-${each} is not lost`,
    );
  for (const { group: application, status, reason } of dispatchers) {
    assert.equal(status, "success", `${application}: ${reason}`);
    const mine = Number(application.slice(3));
    const about = `${application}: ${JSON.stringify(followers.get(application))}`;
    const conclusion = conclusionOf(mine);
    assert.deepEqual(
      followers.get(application)?.map((each) => each.status),
      [conclusion === "success" ? "success" : "failure"],
      about,
    );
    assert.equal([...shop.runs.values()].filter(({ title }) => title.includes(` ${application} `)).length, 1, about);
    const statuses = shop.statuses.filter(({ sha }) => sha === shaOf(mine));
    assert.deepEqual([...new Set(statuses.map(({ context }) => context))], ["gh-runner/preview"], about);
    assert.equal(statuses.at(-1)?.state, STATES[conclusion], about);
    const comments = shop.comments.filter(({ issue }) => issue === mine);
    assert.equal(comments.length, 1, about);
    assert.ok(String(comments[0]?.body).includes(`: ${conclusion.replaceAll("_", " ")}`), about);
  }
}

describe(`a service that is killed ${KILLS} times while it follows tests`, () => {
  it("starts each test run once, and reports each result once, with SQLite", { timeout: 600_000 }, async (t) => {
    const chance = chanceOf(SEED);
    const here = await scene(t, chance);
    const [dataDir, port] = [temporaryFolder(t), await fixedPort()];
    const start = () => spawnService(t, { port, dataDir, githubUrl: here.github.url, settings: here.settings });
    const replica = { port, start, service: start() };
    await judged(t, here, [replica], chance);
    replica.service.stop();
    assert.equal(await replica.service.ended, 0);
    assert.equal(integrity(dataDir), "ok");
  });

  it("does so as three replicas, too", { timeout: 600_000 }, async (t) => {
    const chance = chanceOf(SEED + 1);
    const here = await scene(t, chance);
    const postgres = await startPostgres();
    t.after(() => postgres.stop());
    const settings = { ...here.settings, DATABASE_URL: postgres.url, DATABASE_SCHEMA: "follow" };
    const replicas: Replica[] = [];
    for (let nth = 0; nth < 3; nth++) {
      const port = await fixedPort();
      const start = () => spawnService(t, { port, dataDir: temporaryFolder(t), githubUrl: here.github.url, settings });
      replicas.push({ port, start, service: start() });
    }
    for (const { service, port } of replicas) await listening(service, port);
    await judged(t, here, replicas, chance);
    for (const { service } of replicas) service.stop();
    for (const { service } of replicas) assert.equal(await service.ended, 0);
  });
});
