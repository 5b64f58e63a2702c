import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import pg from "pg";
import { startGitHub } from "../sandbox/github.ts";
import { defineWorkflow } from "../src/index.ts";
import { systemClock } from "../src/model/clock.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { connect } from "../src/store/postgres/connect.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { until } from "./support/clock.ts";
import { mounted } from "./support/disk.ts";
import { temporaryFolder } from "./support/folder.ts";
import { lossyProxy } from "./support/lossy-proxy.ts";
import { type StartedPostgres, startPostgres } from "./support/postgres.ts";
import { ask, readHistoryOf } from "./support/postgres-history.ts";
import { dispatchTo, fixedPort, listening, spawnService } from "./support/process.ts";
import { chanceOf } from "./support/random.ts";
import { deploy, notify, type Service, send, startService, TARGET, TOKEN } from "./support/service.ts";

/** Set `LOSS_SEED` to repeat which answers are lost. */
const SEED = Number(process.env.LOSS_SEED ?? Math.floor(Math.random() * 2 ** 32));

/** Callers learn within 6 s that nothing can be stored. The rest is for a busy machine. */
const TOLD_MS = 20_000;

/** The service notices a dead replica within 30 s. The rest is for a busy machine. */
const TAKEN_OVER_MS = 60_000;

let postgres: StartedPostgres;
before(async () => {
  postgres = await startPostgres({ flags: ["-c", "max_connections=30"] });
});
after(() => postgres.stop());

let schemas = 0;
type Replica = Service & { readonly schema: string; queued(): Promise<number> };

async function serviceOn(
  t: TestContext,
  { url = postgres.url, ...rest }: { url?: string } & Parameters<typeof startService>[1] = {},
): Promise<Replica> {
  const schema = `failures_${++schemas}`;
  const service = await startService(t, {
    ...rest,
    settings: { ...rest.settings, DATABASE_URL: url, DATABASE_SCHEMA: schema },
  });
  const left = `SELECT count(*)::integer AS left FROM ${schema}.runs WHERE status IN ('queued', 'running')`;
  return { ...service, schema, queued: async () => (await ask(postgres.url, left))[0].left };
}

const isReady = async ({ url }: Service) => (await send(url, { path: "/ready" })).status === 200;

/** Checks until it holds. Fails after this time. */
async function within(milliseconds: number, what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!(await holds())) {
    assert.ok(performance.now() < end, `waited ${milliseconds} ms without success until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What callers and probes get while nothing can be stored, and what the log has. */
async function isAway(service: Replica): Promise<void> {
  const since = performance.now();
  const answers = await Promise.all([
    ...Array.from({ length: 20 }, (_, n) => notify(service.url, { application: `pr-away-${n}` })),
    new Promise((resolve) => setTimeout(resolve, 3000)).then(() => notify(service.url, { application: "pr-away" })),
  ]);
  assert.ok(performance.now() - since < 3000 + TOLD_MS, "callers hang");
  for (const answer of answers) {
    assert.deepEqual(
      [answer.status, answer.headers["content-type"], answer.headers["retry-after"]],
      [503, "application/problem+json", "1"],
    );
    assert.match(answer.json.detail, /Nothing was stored: send it again/);
  }
  const probed = performance.now();
  const ready = await send(service.url, { path: "/ready" });
  assert.ok(performance.now() - probed < TOLD_MS, "the probe hangs");
  assert.equal(ready.status, 503);
  assert.match(ready.json.detail, /^Not ready: The request to PostgreSQL failed: /);
  assert.equal((await send(service.url, { path: "/health" })).status, 200);
}

function saysItOnce({ log, logLines }: Replica): void {
  const told = log().filter(({ level }) => level !== "info");
  const texts = told.map(({ msg }) => msg).filter((text) => !/AUTH_TOKENS/.test(String(text)));
  assert.deepEqual(texts.toSorted(), [
    "the connection to PostgreSQL fails",
    "the database cannot be written: runs wait, and callers get 503",
  ]);
  const { password } = new URL(postgres.url);
  assert.ok(!logLines.some((line) => line.includes(password)), "the log shows the password");
}

describe("a service whose database", () => {
  it("closes its connections continues, and loses no run", async (t) => {
    const service = await serviceOn(t, { github: { latencyMs: 20 } });
    const statuses: number[] = [];
    for (let round = 0; round < 8; round++) {
      const sent = Array.from({ length: 10 }, (_, n) => {
        const application = `pr-${round}-${n}`;
        deploy(service.github, application, `commit-${round}-${n}`);
        return notify(service.url, { application }, { prefer: "respond-async" });
      });
      await sent[0];
      await ask(
        postgres.url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gh-runner service'",
      );
      statuses.push(...(await Promise.all(sent)).map(({ status }) => status));
    }
    await within(60_000, "all have ended", async () => (await service.queued()) === 0);
    assert.ok(statuses.every((status) => status === 202 || status === 503));
    const runs = await readHistoryOf(postgres.url, service.schema);
    assert.ok(runs.length >= statuses.filter((status) => status === 202).length);
    assert.deepEqual([...new Set(runs.map(({ status }) => status))], ["success"]);
    assert.equal(await isReady(service), true);
  });

  it("rejects the statements of GitHub's limits sends nothing, logs why once, and continues when it accepts them again", async (t) => {
    const service = await serviceOn(t, { settings: { GITHUB_LIMITS: "on", WAIT_SECONDS: "1" } });
    const applications = Array.from({ length: 5 }, (_, n) => `pr-${n}`);
    for (const application of applications) deploy(service.github, application, `commit-of-${application}`);
    const told = (level: string) =>
      service.log().filter((each) => each.level === level && /limits/.test(`${each.msg}`));
    await ask(postgres.url, `ALTER TABLE ${service.schema}.github_spending RENAME TO away`);
    const answers = await Promise.all(applications.map((application) => notify(service.url, { application })));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [202]);
    await within(60_000, "all wait", async () =>
      applications.every((_, n) => service.log().filter(({ msg }) => msg === "run waits for a GitHub rate limit")[n]),
    );
    assert.deepEqual([service.github.counts.requests, told("error").length, told("info").length], [0, 1, 1]);
    assert.match(JSON.stringify(told("error")[0]), /GITHUB_TOKEN.*github_spending/);
    await ask(postgres.url, `ALTER TABLE ${service.schema}.away RENAME TO github_spending`);
    await within(60_000, "all have ended", async () => (await service.queued()) === 0);
    assert.equal(service.github.dispatches.length, applications.length);
    assert.deepEqual([told("error").length, told("info").length], [1, 2]);
  });

  it("closes a connection while it begins gets the error, and the process continues", async (t) => {
    const message = (type: string, body: Buffer) => {
      const head = Buffer.alloc(5);
      head.write(type);
      head.writeInt32BE(body.length + 4, 1);
      return Buffer.concat([head, body]);
    };
    // Logged in, ready, and closed by its administrator, in one packet.
    const fields = "SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0";
    const packet = Buffer.concat([
      message("R", Buffer.alloc(4)),
      message("Z", Buffer.from("I")),
      message("E", Buffer.from(fields)),
    ]);
    const server = createServer((socket) => socket.once("data", () => socket.end(packet)));
    t.after(() => server.close());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const database = connect({ url: `postgres://postgres@127.0.0.1:${port}/postgres` }, () => {});
    t.after(() => database.close());
    for (const work of [database.transaction((sql) => sql("SELECT 1")), database.sql("SELECT 1")]) {
      await assert.rejects(work, /The request to PostgreSQL failed: /);
    }
  });

  it("has a full disk answers 503, logs it once while other writes still succeed, and continues when there is room", async (t) => {
    const [{ folder }] = await ask(postgres.url, "SELECT current_setting('data_directory') AS folder");
    const owner = statSync(folder);
    const disk = mounted(t, `size=2m,mode=700,uid=${owner.uid},gid=${owner.gid}`);
    if (!disk) return;
    const service = await serviceOn(t);
    const { schema } = service;
    await ask(postgres.url, `CREATE TABLESPACE ${schema} LOCATION '${disk}'`);
    await ask(postgres.url, `ALTER TABLE ${schema}.runs SET TABLESPACE ${schema}`);
    const filler = join(disk, "filler");
    assert.throws(() => writeFileSync(filler, Buffer.alloc(4_000_000)), /ENOSPC/);
    const answers = [];
    // The rest of the last page has room for some.
    for (let n = 0; n < 300 && answers.filter(({ status }) => status === 503).length < 5; n++) {
      answers.push(await notify(service.url, { application: `other-${n}` }));
      // The write of the probe needs no new page.
      assert.equal(await isReady(service), true);
    }
    const rejected = answers.filter(({ status }) => status === 503);
    assert.equal(rejected.length, 5);
    for (const { headers, json } of rejected) {
      assert.equal(headers["retry-after"], "1");
      assert.match(json.detail, /Nothing was stored: send it again/);
    }
    const said = () =>
      service
        .log()
        .filter(({ msg }) => /^the database can/.test(String(msg)))
        .map(({ level }) => level);
    assert.deepEqual(said(), ["error"]);
    assert.match(JSON.stringify(service.log()), /No space left on device/);
    const fullDisk = async () => {
      const { text } = await send(service.url, { path: "/metrics" });
      return /^gh_runner_store_unavailable\{reason="disk_full"\} (\d)$/m.exec(text)?.[1];
    };
    assert.equal(await fullDisk(), "1");
    const ready = async () => (await send(service.url, { path: "/ready" })).json;
    assert.deepEqual(await ready(), { status: "ready", trouble: "disk_full" });

    rmSync(filler);
    deploy(service.github, "pr-1", "abc");
    assert.equal((await notify(service.url, { application: "pr-1" })).status, 200);
    assert.deepEqual(said(), ["error", "info"]);
    assert.equal(await fullDisk(), "0");
    assert.deepEqual(await ready(), { status: "ready" });
    await ask(postgres.url, `ALTER TABLE ${schema}.runs SET TABLESPACE pg_default`);
    await ask(postgres.url, `DROP TABLESPACE ${schema}`);
  });

  it("is stopped answers 503, logs it once, and continues automatically when it is back", async (t) => {
    const ticking = defineWorkflow({
      name: "ticking",
      on: { schedule: { cron: "* * * * * *" } },
      run: async () => ({ done: true }),
    });
    const workflows = [{ workflow: ticking as Workflow, file: "ticking.ts" }];
    const service = await serviceOn(t, { options: { workflows } });
    const { promise: away, resolve: isGone } = Promise.withResolvers<void>();
    const slow = service.github.fault({ times: 2 }, { kind: "hold", until: away });
    deploy(service.github, "pr-1", "abc");
    const inFlight = notify(service.url, { application: "pr-1" });
    await until("it is at work", () => slow.met === 2);
    await postgres.end();
    isGone();
    try {
      await isAway(service);
    } finally {
      await postgres.begin();
    }
    await within(60_000, "it is ready", () => isReady(service));
    assert.ok([200, 202].includes((await inFlight).status));
    await within(60_000, "the run in flight is settled", async () => {
      const [run] = await ask(postgres.url, `SELECT status, attempts FROM ${service.schema}.runs WHERE grp = 'pr-1'`);
      return run.status === "success" && run.attempts === 1;
    });
    assert.equal(service.github.dispatches.length, 1);
    assert.equal((await notify(service.url, { application: "pr-1" })).status, 200);
    const ticks = async () => (await send(service.url, { path: "/api/runs?workflow=ticking&limit=100" })).json.runs;
    const before = (await ticks()).length;
    await within(60_000, "schedules continue", async () => (await ticks()).length > before);
    saysItOnce(service);
  });

  it("is frozen answers 503 in time, and continues automatically when it thaws", async (t) => {
    const service = await serviceOn(t);
    deploy(service.github, "pr-1", "abc");
    assert.equal((await notify(service.url, { application: "pr-1" })).status, 200);
    postgres.freeze();
    try {
      await isAway(service);
    } finally {
      postgres.thaw();
    }
    await within(60_000, "it is ready", () => isReady(service));
    assert.equal((await notify(service.url, { application: "pr-1" })).status, 200);
    await within(60_000, "what was stored after all has ended", async () => (await service.queued()) === 0);
    saysItOnce(service);
  });

  it("is frozen can be stopped", async (t) => {
    const service = await serviceOn(t);
    postgres.freeze();
    try {
      const since = performance.now();
      await service.app.close();
      assert.ok(performance.now() - since < 40_000);
    } finally {
      postgres.thaw();
    }
  });

  it("accepts no more connections answers 503, and continues automatically when it has room", async (t) => {
    const service = await serviceOn(t);
    deploy(service.github, "pr-1", "abc");
    const others: pg.Client[] = [];
    t.after(() => Promise.all(others.map((other) => other.end().catch(() => {}))));
    const fill = async () => {
      for (;;) {
        const other = new pg.Client({ connectionString: postgres.url });
        other.on("error", () => {});
        try {
          await other.connect();
        } catch (error) {
          assert.equal((error as { code?: string }).code, "53300");
          return;
        }
        others.push(other);
      }
    };
    await fill();
    // The service may take a free connection faster.
    await within(60_000, "it has no connection", async () => {
      await others[0]!.query(
        "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE application_name = 'gh-runner service'",
      );
      await fill();
      return !(await isReady(service));
    });
    const full = await notify(service.url, { application: "pr-1" });
    assert.deepEqual([full.status, full.headers["content-type"]], [503, "application/problem+json"]);
    await Promise.all(others.splice(0).map((other) => other.end()));
    await within(60_000, "it is ready", () => isReady(service));
    assert.equal((await notify(service.url, { application: "pr-1" })).status, 200);
  });

  it("loses the answers to its commits repeats nothing, and forgets no claim", { timeout: 600_000 }, async (t) => {
    t.diagnostic(`LOSS_SEED=${SEED}`);
    const chance = chanceOf(SEED);
    const proxy = await lossyProxy(t, postgres.url);
    const service = await serviceOn(t, { url: proxy.url, github: { latencyMs: 5 } });
    let lost = 0;
    proxy.lose(() => {
      const loss = chance.pick(["answer", "all", undefined, undefined, undefined] as const);
      if (loss) lost++;
      return loss;
    });
    const answers = [];
    for (let n = 0; n < 100; n++) {
      deploy(service.github, `pr-${n}`, `commit-${n}`);
      answers.push(notify(service.url, { application: `pr-${n}` }, { prefer: "respond-async" }));
      if (n % 5 === 0) await answers.at(-1);
    }
    const taken = (await Promise.all(answers)).filter(({ status }) => status === 202).map(({ json }) => json.run);
    proxy.lose(() => undefined);
    // No run was left to be taken over when its lease ends: that would show as interrupted.
    await within(60_000, "all have ended", async () => (await service.queued()) === 0);
    const runs = await readHistoryOf(postgres.url, service.schema);
    t.diagnostic(`${lost} lost, ${taken.length} of ${runs.length} answered`);
    assert.ok(lost > 10);
    assert.deepEqual(new Set(taken).difference(new Set(runs.map(({ id }) => id))), new Set());
    for (const { status, attempts } of runs) {
      assert.deepEqual([status, attempts.map(({ outcome }) => outcome)], ["success", ["success"]]);
    }
    const tags = service.github.dispatches.map(({ payload }) => payload.commitHash as string);
    assert.deepEqual(tags.toSorted(), [...new Set(tags)].toSorted());
    assert.equal(tags.length, runs.length);
  });
});

describe("a replica", () => {
  it("that has just started waits before it takes over a run whose lease has ended: its owner may have been cut off", async (t) => {
    const schema = `failures_${++schemas}`;
    const open = async () => {
      const store = await openPostgresStore({ url: postgres.url, schema, clock: systemClock, onError: () => {} });
      t.after(() => store.close());
      return store;
    };
    const lease = (owner: string) => ({ owner, now: Date.now(), leaseMs: 300, take: false, limit: 1 });
    const [one, id] = [await open(), randomUUID()];
    await one.accept({ id, workflow: "w", group: undefined, input: 1, ownToken: false }, lease("one"));
    const claims = await one.claim(lease("one"));
    assert.equal(claims.length, 1);
    await new Promise((resolve) => setTimeout(resolve, 400));
    const two = await open();
    assert.equal((await two.claim(lease("two"))).length, 0);
    await one.extend(claims, 300);
    assert.equal((await two.get(id))?.run.status, "running");
    await within(60_000, "it is taken over", async () => (await two.claim(lease("two"))).length === 1);
  });

  it("that is killed or frozen loses its runs to others within 30 s, and what it would do later is rejected", {
    timeout: 600_000,
  }, async (t) => {
    const github = await startGitHub();
    t.after(() => github.close());
    github.token(TOKEN);
    github.repository(TARGET);
    for (const application of ["pr-killed", "pr-frozen", "pr-retrying"])
      deploy(github, application, `commit-of-${application}`);
    const settings = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: `failures_${++schemas}`, LOG_LEVEL: "info" };
    const replica = async () => {
      const port = await fixedPort();
      const command = ["dist/gh-runner.js", "serve"];
      const service = spawnService(t, { port, dataDir: temporaryFolder(t), githubUrl: github.url, settings, command });
      await listening(service, port);
      return { ...service, port };
    };
    const { promise: stopped, resolve: stands } = Promise.withResolvers<void>();
    const slow = github.fault({ times: 4, route: READ_FILE }, { kind: "hold", until: stopped });
    const begin = async (application: string, isAtWork: () => boolean) => {
      const started = await replica();
      const heard = await dispatchTo(started.port, { application }, { prefer: "respond-async" });
      assert.equal(heard?.status, 202);
      await until("it is at work", isAtWork);
      return { ...started, run: heard!.run! };
    };
    const killed = await begin("pr-killed", () => slow.met === 2);
    await killed.kill();
    const frozen = await begin("pr-frozen", () => slow.met === 4);
    process.kill(frozen.child.pid!, "SIGSTOP");
    stands();
    const fault = github.fault({ route: DISPATCH }, { kind: "status", status: 502 });
    // Frozen before it retries, 0.3 s later, or the second time, 1 s after that.
    const retrying = await begin("pr-retrying", () => fault.met > 0);
    process.kill(retrying.child.pid!, "SIGSTOP");
    fault.remove();
    const since = performance.now();
    const other = await replica();
    const url = `http://127.0.0.1:${other.port}`;
    const show = async (id: string) => (await send(url, { path: `/api/runs/${id}` })).json;
    try {
      for (const { run } of [killed, frozen, retrying]) {
        await within(TAKEN_OVER_MS, "it is taken over", async () => (await show(run)).status === "success");
      }
      t.diagnostic(`taken over after ${Math.round(performance.now() - since)} ms`);
      deploy(github, "pr-retrying", "a-newer-commit");
      assert.equal((await dispatchTo(other.port, { application: "pr-retrying" }))?.status, 200);
    } finally {
      for (const { child } of [frozen, retrying]) process.kill(child.pid!, "SIGCONT");
    }
    for (const { port, stop, ended, output } of [frozen, retrying]) {
      const isBack = async () => (await send(`http://127.0.0.1:${port}`, { path: "/ready" })).status === 200;
      await within(60_000, "it is ready again", isBack);
      stop();
      assert.equal(await ended, 0, output());
      assert.match(output(), /outcome discarded: another process has the run/);
    }
    for (const { run } of [killed, frozen, retrying]) {
      const outcomes = (await show(run)).attempts.map(({ outcome }: { outcome: string }) => outcome);
      assert.deepEqual(outcomes, ["interrupted", "success"]);
    }
    const tags = github.dispatches.map(({ payload }) => payload.commitHash);
    assert.deepEqual(tags.toSorted(), [
      "a-newer-commit",
      "commit-of-pr-frozen",
      "commit-of-pr-killed",
      "commit-of-pr-retrying",
    ]);
  });
});

const DISPATCH = "POST /repos/{owner}/{repo}/dispatches";
const READ_FILE = "GET /repos/{owner}/{repo}/contents/{path}";
