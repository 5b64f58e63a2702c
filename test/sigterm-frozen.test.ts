import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { after, before, describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { startGitHub } from "../sandbox/github.ts";
import { temporaryFolder } from "./support/folder.ts";
import { readHistory } from "./support/history.ts";
import { endLeases, type StartedPostgres, startPostgres } from "./support/postgres.ts";
import { ask } from "./support/postgres-history.ts";
import { dispatchOnce, dispatchTo, eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { DEPLOYMENT, deploy, TARGET, TOKEN } from "./support/service.ts";

const MANIFEST = fileURLToPath(new URL("../deploy/kubernetes/base/deployment.yaml", import.meta.url));

/** The pod's time to end, without the five seconds of its preStop hook. */
const GRACE_MS = (() => {
  const { spec } = load(readFileSync(MANIFEST, "utf8")) as {
    spec: { template: { spec: { terminationGracePeriodSeconds: number } } };
  };
  return (spec.template.spec.terminationGracePeriodSeconds - 5) * 1000;
})();

/** GitHub answers long after the database has frozen, and before the stop gives runs back. */
const LATENCY_MS = 1500;

let postgres: StartedPostgres;
before(async () => {
  postgres = await startPostgres();
});
after(() => postgres.stop());

let schemas = 0;
function onPostgres(url = postgres.url) {
  const schema = `frozen_${++schemas}`;
  return {
    settings: { DATABASE_URL: url, DATABASE_SCHEMA: schema },
    statuses: async () =>
      (await ask(postgres.url, `SELECT id, status FROM ${schema}.runs`)).map(({ id, status }) => [id, status] as const),
    // Otherwise the leases end after 21 s.
    endLeases: () => endLeases(postgres.url, schema),
  };
}

type Place = ReturnType<typeof onPostgres>;

/** Stops a service whose database is frozen while runs are in flight and queued. */
async function stopFrozen(
  t: TestContext,
  place: (dataDir: string) => Place,
  freeze: (dataDir: string) => Promise<void> | void,
  thaw: () => Promise<void> | void,
): Promise<void> {
  const github = await startGitHub({ latencyMs: LATENCY_MS });
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);
  github.repository(DEPLOYMENT);
  const dataDir = temporaryFolder(t);
  const { settings, statuses, endLeases } = place(dataDir);
  const port = await fixedPort();
  const start = () => spawnService(t, { port, dataDir, githubUrl: github.url, settings });
  const service = start();
  await listening(service, port);
  const runs: string[] = [];
  for (let n = 0; n < 6; n++) {
    deploy(github, `pr-${n}`, `commit-${n}`);
    const heard = await dispatchTo(port, { application: `pr-${n}` }, { prefer: "respond-async" });
    assert.equal(heard?.status, 202);
    runs.push(heard?.run ?? "");
  }
  await freeze(dataDir);
  // Callers get an answer; the readiness probe of Kubernetes would send them to another replica.
  const rejected = dispatchOnce(port, { application: "pr-late" }, { prefer: "respond-async" });
  const since = performance.now();
  service.stop();
  const code = await service.ended;
  const took = performance.now() - since;
  t.diagnostic(`ended with ${code} after ${Math.round(took)} ms`);
  const answer = await rejected;
  const late = answer === "not listening" ? undefined : answer;
  await thaw();

  assert.ok(took < GRACE_MS, `${took} ms`);
  assert.equal(code, 0, service.output());
  assert.match(service.output(), /"msg":"(the database cannot be written|the connection to PostgreSQL fails)/);
  assert.doesNotMatch(service.output(), /"level":"fatal"|\n {4}at |Unhandled/);
  assert.ok(late === undefined || late.status === 503 || late.status === 202, String(late?.status));

  await endLeases();
  const again = start();
  await listening(again, port);
  const wanted = late?.status === 202 ? [...runs, late.run ?? ""] : runs;
  await eventually("every accepted run has ended", 60_000, async () => {
    const known = new Map(await statuses());
    return wanted.every((run) => ["success", "failure"].includes(known.get(run) ?? ""));
  });
  const known = new Map(await statuses());
  for (const run of runs) assert.equal(known.get(run), "success");
  const sent = new Set(github.dispatches.map(({ payload }) => payload.sourceName));
  for (let n = 0; n < 6; n++) assert.ok(sent.has(`pr-${n}`));
  again.stop();
  assert.equal(await again.ended, 0);
}

/** A proxy between the service and its database: after `swallow` nothing arrives, and no connection is closed. */
async function blackHole(t: TestContext, databaseUrl: string) {
  const target = new URL(databaseUrl);
  const databasePort = Number(target.port);
  let swallows = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const database = connect({ host: target.hostname, port: databasePort });
    for (const [from, to] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(from);
      from.on("data", (chunk) => void (swallows || to.write(chunk)));
      from.on("error", () => {});
      from.on("close", () => void (swallows || to.destroy()));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => void server.close());
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  target.port = String((server.address() as AddressInfo).port);
  return {
    url: target.href,
    swallow: () => {
      swallows = true;
    },
    pass: () => {
      swallows = false;
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
  };
}

/** Another process that writes to the database and does not commit. */
async function lockedBy(t: TestContext, dataDir: string) {
  const text = `const { DatabaseSync } = require("node:sqlite");
    const db = new DatabaseSync(${JSON.stringify(`${dataDir}/gh-runner.sqlite`)}, { timeout: 10000 });
    db.exec("BEGIN IMMEDIATE");
    console.log("locked");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["-e", text], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return async () => {
    child.kill("SIGKILL");
    await once(child, "close");
  };
}

describe("SIGTERM with a database that does not answer ends in time, and loses no accepted run:", () => {
  it("PostgreSQL whose processes are stopped", { timeout: 600_000 }, (t) =>
    stopFrozen(
      t,
      () => onPostgres(),
      () => postgres.freeze(),
      () => postgres.thaw(),
    ),
  );

  it("a network that swallows everything", { timeout: 600_000 }, async (t) => {
    const hole = await blackHole(t, postgres.url);
    await stopFrozen(t, () => onPostgres(hole.url), hole.swallow, hole.pass);
  });

  it("SQLite that another process has locked", { timeout: 600_000 }, async (t) => {
    let release = async () => {};
    await stopFrozen(
      t,
      (dataDir) => ({
        settings: {} as Place["settings"],
        statuses: async () => readHistory(dataDir).map(({ id, status }) => [id, status] as const),
        endLeases: async () => {},
      }),
      async (dataDir) => {
        release = await lockedBy(t, dataDir);
      },
      () => release(),
    );
  });
});
