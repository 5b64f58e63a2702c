import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import type { NewRun } from "../src/model/new-run.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { movedClock, until } from "./support/clock.ts";
import { mounted } from "./support/disk.ts";
import { temporaryFolder } from "./support/folder.ts";
import { integrity, readHistory } from "./support/history.ts";
import { fixedPort, listening, spawnService } from "./support/process.ts";
import { deploy, notify, send, startService } from "./support/service.ts";

const DISPATCH = "POST /repos/{owner}/{repo}/dispatches";
const NOW = Date.parse("2026-11-24T12:00:00Z");
const LEASE = { owner: "one", now: NOW, leaseMs: 60_000, take: false };
const FILE = "gh-runner.sqlite";

/** Every message at start begins like this and names what to do. */
const CANNOT = /^Cannot .+\. (Set|Make|Stop|Start|Restore|See|Check)\b/s;

const event = (id: string, text = ""): NewRun => ({
  id,
  workflow: "deploy",
  group: undefined,
  input: { text },
  ownToken: false,
});

type SmallDisk = { readonly folder: string; fill(): void; makeRoom(): void };

/** A real file system. Only root can mount it; otherwise the test is skipped. */
function smallDisk(t: TestContext, size = "2m"): SmallDisk | undefined {
  const folder = mounted(t, `size=${size}`);
  if (!folder) return undefined;
  const ballast = join(folder, "ballast");
  return {
    folder,
    fill() {
      for (let bytes = 64 * 1024; bytes >= 1; bytes = Math.floor(bytes / 2)) {
        try {
          for (;;) writeFileSync(ballast, Buffer.alloc(bytes), { flag: "a" });
        } catch (error) {
          assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
        }
      }
    },
    makeRoom: () => rmSync(ballast),
  };
}

describe("when a file of the database is gone", () => {
  const cases = [
    ["the database is deleted", [FILE], "was deleted or moved"],
    ["its log is deleted", [`${FILE}-wal`], "was deleted or moved"],
    ["the lock is deleted", ["lock.sqlite"], "was deleted or moved"],
    ["all files are deleted", [FILE, `${FILE}-wal`, `${FILE}-shm`, "lock.sqlite"], "was deleted or moved"],
  ] as const;
  for (const [what, files, said] of cases) {
    it(`${what}: nothing is accepted, and /ready, the log and a metric report it`, async (t) => {
      const folder = temporaryFolder(t);
      const { github, url, log } = await startService(t, {
        settings: { DATA_DIR: folder },
        options: { serverLimits: { drainMs: 50 } },
      });
      deploy(github, "pr-1", "abc");
      assert.equal((await notify(url, { application: "pr-1" })).status, 200);
      for (const file of files) rmSync(join(folder, file));

      assert.equal((await notify(url, { application: "pr-1" })).status, 503);
      const ready = await send(url, { path: "/ready" });
      assert.equal(ready.status, 503);
      assert.match(ready.json.detail, new RegExp(`^Not ready: /.*${files[0]} ${said}: nothing more is stored\\.`));
      const failed = log().filter(({ msg }) => /the database cannot be written/.test(String(msg)));
      assert.equal(failed.length, 1);
      assert.match(JSON.stringify(failed), new RegExp(said));
      const { text } = await send(url, { path: "/metrics" });
      assert.match(text, /^gh_runner_store_unavailable\{reason="files_gone"\} 1$/m);
      assert.match(text, /^gh_runner_store_unavailable\{reason="disk_full"\} 0$/m);
      assert.match(text, /^gh_runner_ready 0$/m);
      assert.equal(github.dispatches.length, 1);
    });
  }

  it("it is replaced: nothing is accepted; when it is restored, everything continues", async (t) => {
    const folder = temporaryFolder(t);
    const { github, url } = await startService(t, { settings: { DATA_DIR: folder } });
    deploy(github, "pr-1", "abc");
    const [file, aside] = [join(folder, FILE), join(folder, "aside")];
    renameSync(file, aside);
    copyFileSync(aside, file);
    assert.equal((await notify(url, { application: "pr-1" })).status, 503);
    assert.match((await send(url, { path: "/ready" })).json.detail, /gh-runner\.sqlite was replaced: nothing more/);
    renameSync(aside, file);
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    assert.equal((await send(url, { path: "/ready" })).status, 200);
    const { text } = await send(url, { path: "/metrics" });
    assert.match(text, /^gh_runner_store_unavailable\{reason="files_gone"\} 0$/m);
  });

  it("its lock is deleted: no second process starts beside the first, but one can start after it", async (t) => {
    const folder = temporaryFolder(t);
    const first = openSqliteStore(folder, movedClock(NOW));
    await first.accept(event("a"), LEASE);
    rmSync(join(folder, "lock.sqlite"));
    for (let time = 0; time < 2; time++) refusesToOpen(folder, /another process uses it/);
    await assert.rejects(first.accept(event("b"), LEASE), { name: "StoreUnavailable", trouble: "files_gone" });
    await first.close();
    const second = openSqliteStore(folder, movedClock(NOW));
    assert.deepEqual(
      (await second.list({}, { limit: 10 })).runs.map(({ id }) => id),
      ["a"],
    );
    await second.close();
  });
});

describe("the files of the database", () => {
  const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8);

  it("are only for their owner, for any umask, and so is the folder", async (t) => {
    const before = process.umask(0);
    t.after(() => process.umask(before));
    const folder = join(temporaryFolder(t), "new", "data");
    const warned: string[] = [];
    const store = openSqliteStore(folder, movedClock(NOW), (warning) => warned.push(warning));
    await store.accept(event("a"), LEASE);
    assert.equal(modeOf(folder), "700");
    for (const file of [FILE, `${FILE}-wal`, `${FILE}-shm`, "lock.sqlite"]) {
      assert.equal(modeOf(join(folder, file)), "600", file);
    }
    assert.deepEqual(warned, []);
    await store.close();
  });

  it("that are open to every user cause a warning at the start that says what to do; access of the group does not", async (t) => {
    const folder = temporaryFolder(t);
    await openSqliteStore(folder, movedClock(NOW)).close();
    for (const [ofFolder, ofFile, expected] of [
      [0o755, 0o644, [/^every user of this machine can read the runs: chmod 600 \/.*gh-runner\.sqlite-shm$/]],
      [0o700, 0o644, []],
      [0o770, 0o660, []],
      [0o2770, 0o660, []],
      [0o2777, 0o660, []],
      [0o1777, 0o600, []],
      [0o777, 0o600, [/^every user of this machine can delete the database in .*: chmod o-w \//]],
    ] as const) {
      chmodSync(folder, ofFolder);
      chmodSync(join(folder, FILE), ofFile);
      const warned: string[] = [];
      await openSqliteStore(folder, movedClock(NOW), (warning) => warned.push(warning)).close();
      assert.equal(warned.length, expected.length, `${ofFolder.toString(8)} ${ofFile.toString(8)}: ${warned}`);
      for (const [at, pattern] of expected.entries()) assert.match(warned[at] ?? "", pattern);
    }
  });

  it("are named in the log of a service that starts on them", async (t) => {
    const folder = temporaryFolder(t);
    await openSqliteStore(folder, movedClock(NOW)).close();
    chmodSync(folder, 0o755);
    chmodSync(join(folder, FILE), 0o644);
    const { log } = await startService(t, { settings: { DATA_DIR: folder } });
    const warned = log().filter(({ msg }) => /every user of this machine/.test(String(msg)));
    assert.deepEqual(
      warned.map(({ level }) => level),
      ["warn"],
    );
  });
});

describe("while the disk is full", () => {
  it("an event is rejected with 503 and Retry-After: 1, nothing of it is stored, and free room is enough to continue", async (t) => {
    const disk = smallDisk(t);
    if (!disk) return;
    const { github, url, app } = await startService(t, { settings: { DATA_DIR: disk.folder } });
    deploy(github, "pr-1", "abc");
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);

    disk.fill();
    for (let at = 0; at < 3; at++) {
      const answer = await notify(url, { application: "pr-1" });
      assert.deepEqual([answer.status, answer.headers["retry-after"]], [503, "1"]);
      assert.match(answer.json.detail, /stored.*send it again/);
    }
    const ready = await send(url, { path: "/ready" });
    assert.equal(ready.status, 503);
    assert.match(ready.json.detail, /disk is full/);
    const { text } = await send(url, { path: "/metrics" });
    assert.match(text, /^gh_runner_store_unavailable\{reason="disk_full"\} 1$/m);
    assert.equal((await send(url, { path: "/health" })).status, 200);
    assert.equal(github.dispatches.length, 1);
    assert.equal(readHistory(disk.folder).length, 1);

    disk.makeRoom();
    assert.equal((await send(url, { path: "/ready" })).status, 200);
    assert.equal((await notify(url, { application: "pr-1" })).status, 200);
    assert.equal(github.dispatches.length, 2);
    assert.equal(integrity(disk.folder), "ok");
    await app.close();
    assert.deepEqual(
      readHistory(disk.folder).map(({ status, attempts }) => [status, attempts.length]),
      [
        ["success", 1],
        ["success", 1],
      ],
    );
  });

  it("a run in flight keeps its outcome until it can be stored, and is not dispatched again", async (t) => {
    const disk = smallDisk(t);
    if (!disk) return;
    const clock = movedClock();
    const service = await startService(t, { settings: { DATA_DIR: disk.folder }, options: { clock } });
    const { github, url, app } = service;
    deploy(github, "pr-1", "abc");
    const { promise, resolve } = Promise.withResolvers<void>();
    github.fault({ route: DISPATCH, times: 1 }, { kind: "hold", until: promise });
    const answer = notify(url, { application: "pr-1" });
    await until("the dispatch is on its way", () => github.requests.some(({ method }) => method === "POST"));
    disk.fill();
    resolve();
    await until("the trouble is logged", () => service.log().some(({ msg }) => /cannot be written/.test(String(msg))));
    assert.equal(github.dispatches.length, 1);
    assert.equal(readHistory(disk.folder)[0]?.status, "running");

    disk.makeRoom();
    clock.move(1000);
    assert.equal((await answer).status, 200);
    assert.equal(readHistory(disk.folder)[0]?.status, "success");
    assert.equal(github.dispatches.length, 1);
    await app.close();
  });

  it("every write fails completely with StoreUnavailable: reads continue, and the same writes succeed later", async (t) => {
    const disk = smallDisk(t);
    if (!disk) return;
    const store = openSqliteStore(disk.folder, movedClock(NOW));
    await store.accept(event("a"), LEASE);
    const [claim] = await store.claim({ ...LEASE, limit: 1 });
    await store.accept(event("b"), LEASE);
    disk.fill();
    const attempt = { number: 1, startedAt: NOW, endedAt: NOW, reason: undefined, kind: undefined };
    const writes = [
      () => store.accept(event("c", "x".repeat(20_000)), LEASE),
      () =>
        store.settle(
          claim!,
          { ...attempt, outcome: "success", githubRequestId: undefined },
          { status: "success", outputs: { text: "x".repeat(20_000) }, dedupeKey: undefined },
        ),
    ];
    const unavailable = { name: "StoreUnavailable", message: /disk is full/ };
    for (const write of writes) await assert.rejects(write(), unavailable);
    for (const { status } of await Promise.allSettled(writes.map((write) => write()))) assert.equal(status, "rejected");
    assert.deepEqual(
      (await store.list({}, { limit: 10 })).runs.map(({ id, status }) => [id, status]),
      [
        ["b", "queued"],
        ["a", "running"],
      ],
    );
    assert.deepEqual((await store.get("a"))?.attempts, []);

    disk.makeRoom();
    await Promise.all(writes.map((write) => write()));
    assert.deepEqual(
      (await store.list({}, { limit: 10 })).runs.map(({ id, status }) => [id, status]),
      [
        ["c", "queued"],
        ["b", "queued"],
        ["a", "success"],
      ],
    );
    await store.close();
    assert.equal(integrity(disk.folder), "ok");
  });

  it("a disk that gets full during a checkpoint is reported as full, and free room is enough to continue", async (t) => {
    const disk = smallDisk(t, "10m");
    if (!disk) return;
    const clock = movedClock(NOW);
    const store = openSqliteStore(disk.folder, clock);
    writeFileSync(join(disk.folder, "ballast"), Buffer.alloc(4 * 1024 * 1024));
    const ends = new Set<string>();
    let stored = 0;
    for (let at = 0; at < 400; at++) {
      await store.accept(event(`run-${at}`, "x".repeat(20_000)), LEASE).then(
        () => stored++,
        (error) => ends.add(error.trouble),
      );
      clock.move(500);
    }
    assert.ok(stored >= 50 && stored < 400, `${stored} stored`);
    assert.deepEqual([...ends], ["disk_full"]);
    disk.makeRoom();
    await store.accept(event("after"), LEASE);
    assert.equal((await store.list({}, { limit: 1000 })).runs.length, stored + 1);
    await store.close();
    assert.equal(integrity(disk.folder), "ok");
  });

  it("a kill leaves a database that starts again with free room, even in the middle of a checkpoint", async (t) => {
    const disk = smallDisk(t);
    if (!disk) return;
    const store = openSqliteStore(disk.folder, movedClock(NOW));
    let stored = 0;
    for (let full = false; !full; ) {
      await store.accept(event(`run-${stored}`, "x".repeat(1500)), LEASE).then(
        () => stored++,
        () => {
          full = true;
        },
      );
    }
    // The checkpoint is incomplete: the first page of the file refers to pages that are only in the log.
    const killed = smallDisk(t, "3m")!;
    for (const suffix of ["", "-wal"])
      copyFileSync(join(disk.folder, FILE + suffix), join(killed.folder, FILE + suffix));
    const other = new DatabaseSync(join(killed.folder, FILE));
    other.exec("PRAGMA user_version");
    killed.fill();
    assert.throws(() => other.exec("PRAGMA wal_checkpoint"), /disk is full/);
    const left = temporaryFolder(t);
    for (const suffix of ["", "-wal"]) copyFileSync(join(killed.folder, FILE + suffix), join(left, FILE + suffix));
    const pagesSpokenOf = readFileSync(join(left, FILE)).readUInt32BE(28);
    assert.ok(pagesSpokenOf * 4096 > statSync(join(left, FILE)).size);
    other.close();

    const later = openSqliteStore(left, movedClock(NOW));
    assert.equal((await later.list({}, { limit: 10_000 })).runs.length, stored);
    await later.accept(event("after"), LEASE);
    await later.close();
    await store.close();
    assert.equal(integrity(left), "ok");
  });

  it("a start reports it", async (t) => {
    const disk = smallDisk(t);
    if (!disk) return;
    disk.fill();
    refusesToOpen(disk.folder, /has room/);
    disk.makeRoom();
    await openSqliteStore(disk.folder, movedClock(NOW)).close();
  });

  it("a start that cannot resume interrupted runs reports it, and resumes them when there is room", async (t) => {
    const disk = smallDisk(t);
    if (!disk) return;
    const store = openSqliteStore(disk.folder, movedClock(NOW));
    await Promise.all(Array.from({ length: 150 }, (_, at) => store.accept(event(`run-${at}`, "x".repeat(999)), LEASE)));
    assert.equal((await store.claim({ ...LEASE, limit: 150 })).length, 150);
    await store.close();
    disk.fill();
    // Enough for the index of the empty log and a few pages, not for 150 interruptions.
    truncateSync(join(disk.folder, "ballast"), statSync(join(disk.folder, "ballast")).size - 100 * 1024);
    refusesToOpen(disk.folder, /has room/);
    disk.makeRoom();
    const later = openSqliteStore(disk.folder, movedClock(NOW));
    assert.equal((await later.claim({ ...LEASE, limit: 200 })).length, 150);
    await later.close();
  });
});

describe("a start", () => {
  it("in a folder that cannot be written reports it", (t) => {
    const root = process.getuid?.() === 0;
    const folder = root ? mounted(t, "size=2m") : temporaryFolder(t);
    if (!folder) return;
    if (root) execFileSync("mount", ["-o", "remount,ro", folder]);
    else chmodSync(folder, 0o555);
    refusesToOpen(
      folder,
      root ? /it is on a read-only file system.*put a volume there/ : /it belongs to user \d+ .* mode 0555/,
    );
    refusesToOpen(join(folder, "below"), /DATA_DIR/);
  });

  it("over a database that became read-only reports it", async (t) => {
    const root = process.getuid?.() === 0;
    const folder = root ? mounted(t, "size=2m") : temporaryFolder(t);
    if (!folder) return;
    await openSqliteStore(folder, movedClock(NOW)).close();
    if (root) execFileSync("mount", ["-o", "remount,ro", folder]);
    else chmodSync(join(folder, FILE), 0o444);
    refusesToOpen(folder, root ? /is on a read-only file system/ : /it belongs to user \d+ .* mode 0444/);
  });

  it("where DATA_DIR is a file, or the database is a folder, reports it", (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "file"), "");
    refusesToOpen(join(folder, "file"), /DATA_DIR/);
    mkdirSync(join(folder, "data", FILE), { recursive: true });
    refusesToOpen(join(folder, "data"), /gh-runner\.sqlite/);
  });

  it("over a database that lost its end reports the damage, and does not change it", async (t) => {
    for (const missing of [1, 4096, 100_000]) {
      const folder = await filled(t);
      const file = join(folder, FILE);
      truncateSync(file, statSync(file).size - missing);
      const before = readFileSync(file);
      refusesToOpen(folder, /is damaged.*Restore a backup. Or move the file away/);
      assert.ok(readFileSync(file).equals(before));
    }
    const folder = await filled(t);
    truncateSync(join(folder, FILE), 50);
    refusesToOpen(folder, /is damaged/);
  });

  it("over a database that lost its end beside an old log reports the damage", async (t) => {
    const folder = await filled(t);
    const copy = temporaryFolder(t);
    const store = openSqliteStore(folder, movedClock(NOW));
    await store.accept(event("last"), LEASE);
    for (const suffix of ["", "-wal"]) copyFileSync(join(folder, FILE + suffix), join(copy, FILE + suffix));
    await store.close();
    truncateSync(join(copy, FILE), statSync(join(copy, FILE)).size - 50 * 4096);
    refusesToOpen(copy, /is damaged/);
  });

  it("over a file that is not a database reports the damage", (t) => {
    for (const content of ["this is no database", Buffer.alloc(8192, "x"), Buffer.alloc(8192)]) {
      const folder = temporaryFolder(t);
      writeFileSync(join(folder, FILE), content);
      refusesToOpen(folder, /is damaged/);
      assert.equal(readFileSync(join(folder, FILE)).length, content.length);
    }
  });

  it("over an empty file, as a killed first start leaves it, works", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, FILE), "");
    await openSqliteStore(folder, movedClock(NOW)).close();
  });

  it("over a database of a newer version reports it, and does not change it", async (t) => {
    const folder = await filled(t);
    const db = new DatabaseSync(join(folder, FILE));
    db.exec("PRAGMA user_version = 1000");
    db.close();
    refusesToOpen(folder, /written by a newer gh-runner \(schema 1000.*Start that version or a newer one/);
    assert.equal(readHistory(folder).length, 200);
  });

  it("releases the folder when it fails, so that the next one can succeed", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, FILE), "this is no database");
    refusesToOpen(folder, /is damaged/);
    rmSync(join(folder, FILE));
    await openSqliteStore(folder, movedClock(NOW)).close();
  });
});

function refusesToOpen(folder: string, why: RegExp): void {
  assert.throws(
    () => openSqliteStore(folder, movedClock(NOW)),
    ({ message }: Error) => {
      assert.match(message, CANNOT);
      assert.match(message, why);
      assert.ok(message.includes(folder), message);
      return true;
    },
  );
}

/** A closed database with 200 runs. */
async function filled(t: TestContext): Promise<string> {
  const folder = temporaryFolder(t);
  const store = openSqliteStore(folder, movedClock(NOW));
  await Promise.all(Array.from({ length: 200 }, (_, at) => store.accept(event(`run-${at}`, "x".repeat(2000)), LEASE)));
  await store.close();
  return folder;
}

describe("two processes on one folder", () => {
  it("are one too many: the second reports it and ends; after a kill of the first the next takes over", async (t) => {
    const dataDir = temporaryFolder(t);
    const start = async () => {
      const port = await fixedPort();
      return { port, service: spawnService(t, { port, dataDir, githubUrl: "http://127.0.0.1:9" }) };
    };
    const first = await start();
    await listening(first.service, first.port);
    const second = await start();
    assert.equal(await second.service.ended, 1);
    assert.match(second.service.output(), CANNOT);
    assert.match(second.service.output(), /another process uses it\. Stop that process, or set DATA_DIR/);
    assert.ok(second.service.output().includes(dataDir));
    assert.equal((await send(`http://127.0.0.1:${first.port}`, { path: "/ready" })).status, 200);

    await first.service.kill();
    const third = await start();
    await listening(third.service, third.port);
    assert.equal((await send(`http://127.0.0.1:${third.port}`, { path: "/ready" })).status, 200);
    third.service.stop();
    assert.equal(await third.service.ended, 0);
  });
});

describe("RETAIN_DAYS", () => {
  it("deletes 20,000 old runs within about a minute, and none that is young or has not ended", async (t) => {
    const folder = temporaryFolder(t);
    const DAY = 86_400_000;
    const OLD = 20_000;
    const store = openSqliteStore(folder, movedClock(NOW));
    const acceptAndEnd = async (id: string, at: number) => {
      const { claim } = await store.accept({ ...event(id), ownToken: true }, { ...LEASE, now: at, leaseMs: NOW });
      const attempt = { number: 1, startedAt: at, endedAt: at, reason: undefined, kind: undefined };
      const end = { ...attempt, outcome: "success" as const, githubRequestId: undefined };
      await store.settle(claim!, end, { status: "success", outputs: null, dedupeKey: undefined });
    };
    await store.accept({ ...event("waits"), workflow: "environment-ready" }, { ...LEASE, now: NOW - 40 * DAY });
    const [held] = await store.claim({ ...LEASE, limit: 1 });
    const later = { status: "queued", dueAt: NOW + 3_600_000, counts: true, reason: "later", http: 500 } as const;
    const failed = { number: 1, startedAt: NOW, endedAt: NOW, outcome: "failure", reason: "502" } as const;
    await store.settle(
      held!,
      { ...failed, kind: "transient", githubRequestId: undefined },
      { ...later, kind: "transient" },
    );
    await Promise.all(Array.from({ length: OLD }, (_, at) => acceptAndEnd(`old-${at}`, NOW - 31 * DAY)));
    await Promise.all(Array.from({ length: 500 }, (_, at) => acceptAndEnd(`young-${at}`, NOW - 29 * DAY)));
    await store.close();

    const clock = movedClock(NOW);
    const { app, url } = await startService(t, {
      settings: { DATA_DIR: folder, RETAIN_DAYS: "30" },
      options: { clock },
    });
    clock.move(60_000);
    const reader = new DatabaseSync(join(folder, FILE), { readOnly: true });
    const count = reader.prepare("SELECT count(*) AS n FROM runs");
    await until("the old runs are gone", () => Number(count.get()?.n) <= 501);
    reader.close();
    assert.equal((await send(url, { path: "/ready" })).status, 200);
    await app.close();
    const left = readHistory(folder);
    assert.equal(left.filter(({ id }) => id.startsWith("young-")).length, 500);
    assert.deepEqual(
      left.filter(({ id }) => !id.startsWith("young-")).map(({ id, status }) => [id, status]),
      [["waits", "queued"]],
    );
    assert.equal(left.flatMap(({ attempts }) => attempts).length, 501);
  });
});
