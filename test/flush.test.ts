import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startGitHub } from "../sandbox/github.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { movedClock } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { integrity, readHistory } from "./support/history.ts";
import { dispatchTo, eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { deploy, send, TARGET, TOKEN } from "./support/service.ts";
import { slowDisk, withoutCompiler } from "./support/slow-disk.ts";

const NOW = Date.parse("2026-11-29T12:00:00Z");
const LEASE = { owner: "one", now: NOW, leaseMs: 60_000, take: false };
const FILE = "gh-runner.sqlite";
const event = (id: string, text = "") => ({
  id,
  workflow: "deploy",
  group: undefined,
  input: { text },
  ownToken: false,
});

/** The service as a process on a disk whose flushes the test controls. */
async function onSlowDisk(t: TestContext) {
  const github = await startGitHub();
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);
  for (let at = 0; at < 10; at++) deploy(github, `pr-${at}`, `commit-${at}`);
  const dataDir = temporaryFolder(t);
  const disk = slowDisk(t, dataDir);
  const port = await fixedPort();
  const start = (settings: Readonly<Record<string, string>> = disk.environment) =>
    spawnService(t, { port, dataDir, githubUrl: github.url, settings: { ...settings, PAGE: "true" } });
  const service = start();
  await listening(service, port);
  const url = `http://127.0.0.1:${port}`;
  const get = (path: string) => send(url, { path });
  const accept = (at: number) => dispatchTo(port, { application: `pr-${at}` }, { prefer: "respond-async" });
  const runs = () => readHistory(dataDir);
  return { github, dataDir, disk, service, start, port, get, accept, runs };
}

describe("a disk that flushes slowly", { skip: withoutCompiler }, () => {
  it("delays only answers to events: no event is answered before its flush", async (t) => {
    const { disk, get, accept, runs } = await onSlowDisk(t);
    await accept(0);
    disk.flushes({ delayMs: "held" });
    let answered = false;
    const answer = accept(1).finally(() => {
      answered = true;
    });
    await eventually("it is written", 60_000, () => runs().length === 2);
    for (let times = 0; times < 5; times++)
      for (const path of ["/health", "/", "/api/runs"]) assert.equal((await get(path)).status, 200, path);
    assert.equal(answered, false);
    disk.flushes({});
    assert.equal((await answer)?.status, 202);
  });

  it("shares a flush among all events that come during one", async (t) => {
    const { disk, accept } = await onSlowDisk(t);
    disk.flushes({ delayMs: 500 });
    const began = performance.now();
    const heard = await Promise.all(Array.from({ length: 40 }, (_, at) => accept(at % 10)));
    assert.ok(heard.every((each) => each?.status === 202));
    // The current flush, and the one after it. Each is followed by others of the runs that begin.
    assert.ok(performance.now() - began < 20 * 500, `${performance.now() - began} ms`);
    disk.flushes({});
  });

  it("a kill during a flush loses no answered event, and unanswered ones may be stored", async (t) => {
    const { disk, service, start, port, accept, runs, github } = await onSlowDisk(t);
    const first = await accept(0);
    disk.flushes({ delayMs: "held" });
    const second = accept(1);
    await eventually("it is written", 60_000, () => runs().length === 2);
    await service.kill();
    assert.equal(await second, undefined);
    disk.flushes({});
    await listening(start(), port);
    await eventually(
      "both are dispatched",
      60_000,
      async () => github.dispatches.length >= 1 && runs().every(({ status }) => status === "success"),
    );
    assert.ok(runs().some(({ id }) => id === first?.run));
  });
});

describe("a flush that fails", { skip: withoutCompiler }, () => {
  it("once is invisible to a caller: what it may have lost is written again", async (t) => {
    const { disk, service, accept, runs } = await onSlowDisk(t);
    disk.flushes({ fail: "EIO", ofFiles: "-wal", count: 1 });
    const heard = await accept(0);
    assert.equal(heard?.status, 202);
    await eventually("it has ended", 60_000, async () => runs()[0]?.status === "success");
    assert.doesNotMatch(service.output(), /cannot be written/);
  });

  it("makes the store unavailable until one passes: 503, logged once, and then everything continues", async (t) => {
    const { disk, service, get, accept, runs, github } = await onSlowDisk(t);
    assert.equal((await accept(0))?.status, 202);
    await eventually("it has ended", 60_000, async () => runs()[0]?.status === "success");
    disk.flushes({ fail: "EIO" });
    for (let at = 0; at < 4; at++) {
      const heard = await accept(1);
      assert.equal(heard?.status, 503);
      await wait(300);
    }
    const ready = await get("/ready");
    assert.equal(ready.status, 503);
    assert.match(ready.json.detail, /the disk did not keep it: EIO: i\/o error, fdatasync/);
    for (const path of ["/health", "/", "/api/runs"]) assert.equal((await get(path)).status, 200, path);
    assert.match((await get("/metrics")).text, /^gh_runner_store_unavailable\{reason="other"\} 1$/m);
    assert.equal(service.output().split("the database cannot be written").length - 1, 1, service.output());
    assert.equal(github.dispatches.length, 1);

    disk.flushes({});
    await eventually("it is ready", 60_000, async () => (await get("/ready")).status === 200);
    assert.equal((await accept(2))?.status, 202);
    await eventually("it has ended", 60_000, async () => runs().every(({ status }) => status === "success"));
    assert.equal(service.output().split("the database cannot be written").length - 1, 1, service.output());
  });

  it("with a full disk is reported as that", async (t) => {
    const { disk, get, accept } = await onSlowDisk(t);
    disk.flushes({ fail: "ENOSPC", ofFiles: "-wal" });
    assert.equal((await accept(0))?.status, 503);
    assert.match((await get("/metrics")).text, /^gh_runner_store_unavailable\{reason="disk_full"\} 1$/m);
    disk.flushes({});
  });

  it("while a run is in flight: its outcome is stored and reported when a flush passes, and it is not dispatched again", async (t) => {
    const { disk, service, port, runs, github } = await onSlowDisk(t);
    const { promise, resolve } = Promise.withResolvers<void>();
    github.fault({ route: "POST /repos/{owner}/{repo}/dispatches", times: 1 }, { kind: "hold", until: promise });
    const answer = dispatchTo(port, { application: "pr-3" });
    await eventually("it was sent", 60_000, async () => github.dispatches.length === 1);
    disk.flushes({ fail: "EIO" });
    resolve();
    await eventually("it is noticed", 60_000, () => service.output().includes("the database cannot be written"));
    await wait(500);
    disk.flushes({});
    assert.deepEqual(JSON.parse((await answer)!.text), {
      status: "success",
      commitHash: "commit-3",
      sourceName: "pr-3",
    });
    assert.deepEqual(
      runs().map(({ status, attempts }) => [status, attempts.length]),
      [["success", 1]],
    );
    assert.equal(github.dispatches.length, 1);
  });

  it("forever: the process stops in time, does not change the log, and every answered event is there afterwards", async (t) => {
    const { disk, dataDir, service, start, port, accept, runs } = await onSlowDisk(t);
    const heard = await Promise.all(Array.from({ length: 10 }, (_, at) => accept(at)));
    await eventually("they have ended", 60_000, async () => runs().every(({ status }) => status === "success"));
    disk.flushes({ fail: "EIO" });
    assert.equal((await accept(1))?.status, 503);
    service.stop();
    await service.ended;
    assert.ok(existsSync(join(dataDir, `${FILE}-wal`)), "the log is kept");
    await listening(start({}), port);
    const ids = new Set(runs().map(({ id }) => id));
    for (const each of heard) assert.ok(ids.has(each!.run!));
    assert.equal(integrity(dataDir), "ok");
  });
});

/** Runs a checkpoint of the log in another process, as sqlite3 or Litestream does. */
function checkpointElsewhere(file: string, mode: string): { readonly log: number; readonly checkpointed: number } {
  const program = `
    const db = new (require("node:sqlite").DatabaseSync)(${JSON.stringify(file)});
    console.log(JSON.stringify(db.prepare("PRAGMA wal_checkpoint(${mode})").get()));`;
  return JSON.parse(execFileSync(process.execPath, ["-e", program], { encoding: "utf8" }));
}

describe("the log of the database", () => {
  it("cut at any byte of its tail has everything that was answered before that byte", async (t) => {
    const folder = temporaryFolder(t);
    const store = openSqliteStore(folder, movedClock(NOW));
    const log = join(folder, `${FILE}-wal`);
    const sizes: number[] = [];
    for (let at = 0; at < 12; at++) {
      await store.accept(event(`run-${at}`), LEASE);
      sizes.push(statSync(log).size);
    }
    const left = temporaryFolder(t);
    for (const suffix of ["", "-wal"]) copyFileSync(join(folder, FILE + suffix), join(left, FILE + suffix));
    await store.close();
    const file = join(left, FILE);
    const last = sizes.at(-1)!;
    const third = sizes.at(-3)!;
    let cuts = 0;
    // Each byte of the last frame. Of the other frames each of their first bytes and some others.
    for (let size = last; size >= third; size -= last - size < 4120 || (size - 32) % 4120 < 26 ? 1 : 61) {
      rmSync(`${file}-shm`, { force: true });
      truncateSync(`${file}-wal`, size);
      const db = new DatabaseSync(file, { readOnly: true });
      const { stored } = db.prepare("SELECT count(*) AS stored FROM runs").get() as { stored: number };
      db.close();
      assert.equal(stored, sizes.filter((each) => each <= size).length, `cut at ${size} of ${last} bytes`);
      cuts++;
    }
    assert.ok(cuts > 4120, `${cuts} cuts`);
  });

  it("is restarted only by the store, even if another process runs the checkpoint", async (t) => {
    const folder = temporaryFolder(t);
    const store = openSqliteStore(folder, movedClock(NOW));
    t.after(() => store.close());
    const log = join(folder, `${FILE}-wal`);
    const beginning = () => readFileSync(log).subarray(0, 32).toString("hex");
    await store.accept(event("first"), LEASE);
    const before = beginning();
    for (const mode of ["PASSIVE", "FULL", "RESTART", "TRUNCATE"]) {
      for (let at = 0; at < 5; at++) {
        const { log: frames, checkpointed } = checkpointElsewhere(join(folder, FILE), mode);
        assert.ok(checkpointed < frames, `${mode}: ${checkpointed} of ${frames}`);
        await store.accept(event(`${mode}-${at}`), LEASE);
        assert.equal(beginning(), before, mode);
      }
    }
    // The store restarts it when it has become long.
    for (let at = 0; at < 300; at++) await store.accept(event(`later-${at}`, "x".repeat(9000)), LEASE);
    assert.notEqual(beginning(), before);
    assert.equal((await store.list({}, { limit: 1000 })).runs.length, 321);
  });

  it("grows while a reader needs its old state, and is checkpointed after it", async (t) => {
    const folder = temporaryFolder(t);
    const store = openSqliteStore(folder, movedClock(NOW));
    const log = () => statSync(join(folder, `${FILE}-wal`)).size;
    await store.accept(event("first"), LEASE);
    const reader = new DatabaseSync(join(folder, FILE), { readOnly: true });
    const count = () => (reader.prepare("SELECT count(*) AS runs FROM runs").get() as { runs: number }).runs;
    reader.exec("BEGIN");
    assert.equal(count(), 1);
    for (let at = 0; at < 600; at++) await store.accept(event(`run-${at}`, "x".repeat(20_000)), LEASE);
    assert.ok(log() > 8 * 1024 * 1024, `${log()} bytes`);
    assert.equal(count(), 1);
    reader.close();
    for (let at = 0; at < 110; at++) await store.accept(event(`later-${at}`), LEASE);
    assert.ok(log() <= 8 * 1024 * 1024, `${log()} bytes`);
    await store.close();
    assert.equal(integrity(folder), "ok");
  });

  it("is checkpointed and flushed when a process ends without closing the store", {
    skip: withoutCompiler,
  }, async (t) => {
    const folder = temporaryFolder(t);
    const trace = join(temporaryFolder(t), "trace");
    const disk = slowDisk(t, folder, trace);
    const program = `
      import { openSqliteStore } from ${JSON.stringify(fileURLToPath(new URL("../src/store/sqlite/store.ts", import.meta.url)))};
      const store = openSqliteStore(${JSON.stringify(folder)}, { now: Date.now, monotonic: () => performance.now() });
      await store.accept(${JSON.stringify(event("a"))}, ${JSON.stringify(LEASE)});
      process.exit(3);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      env: { ...process.env, ...disk.environment },
      stdio: "inherit",
    });
    assert.equal((await once(child, "close"))[0], 3);
    const lines = readFileSync(trace, "latin1").match(/^(?:flushed|delete) gh-runner\.sqlite\S* \d+ \d+ \d+$/gm)!;
    const deleted = lines.findLastIndex((line) => line.startsWith("delete gh-runner.sqlite-wal"));
    assert.match(
      lines.slice(0, deleted).findLast((line) => line.startsWith("flushed")) ?? "",
      /^flushed gh-runner\.sqlite /,
    );
    assert.equal(readHistory(folder).length, 1);
  });
});
