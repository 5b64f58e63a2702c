import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { startGitHub } from "../sandbox/github.ts";
import { systemClock } from "../src/model/clock.ts";
import { unchanging } from "../src/model/renewable.ts";
import { readConfig } from "../src/service/config/config.ts";
import { openStore } from "../src/service/open-store.ts";
import { fillWithAllKinds } from "./support/all-kinds.ts";
import { command, startCommand } from "./support/command.ts";
import { mounted } from "./support/disk.ts";
import { temporaryFolder } from "./support/folder.ts";
import { integrity, readHistory, unfinished } from "./support/history.ts";
import { postgresForTests } from "./support/postgres.ts";
import { dispatchTo, eventually, fixedPort, listening, spawnService } from "./support/process.ts";
import { release } from "./support/release.ts";
import { DEPLOYMENT, deploy, notify, startService, TARGET, TOKEN } from "./support/service.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const operations = readFileSync(`${ROOT}docs/operations.md`, "utf8");
const postgres = postgresForTests();

type Place = Record<string, string>;

/** An empty place for a store: its settings as environment variables. */
function placeOf(t: TestContext, kind: "SQLite" | "PostgreSQL"): Place {
  const folder = { DATA_DIR: temporaryFolder(t) };
  return kind === "SQLite" ? folder : { ...folder, DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema() };
}

async function filled(t: TestContext, kind: "SQLite" | "PostgreSQL"): Promise<Place> {
  const place = placeOf(t, kind);
  const store = await openStore(unchanging(readConfig(place).store), { clock: systemClock, log: { warn: () => {} } });
  await fillWithAllKinds(store);
  await store.close();
  return place;
}

async function succeeds(args: readonly string[], place: Place): Promise<string> {
  const { code, stdout, stderr } = await command(args, place);
  assert.equal(code, 0, stderr);
  return stdout;
}

async function fails(args: readonly string[], place: Place): Promise<string> {
  const { code, stderr } = await command(args, place);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^Cannot [^\n]+\n$/);
  return stderr;
}

const exported = (place: Place) => succeeds(["export"], place);

/** A backup of a store with runs of all kinds. */
async function backedUp(t: TestContext, kind: "SQLite" | "PostgreSQL") {
  const place = await filled(t, kind);
  const folder = temporaryFolder(t);
  await succeeds(["backup", folder], place);
  const [name = ""] = readdirSync(folder);
  return { place, file: join(folder, name), text: await exported(place) };
}

/** The command as docs/operations.md shows it, with the release. */
function documented(t: TestContext, start: string, folder: string, environment: Record<string, string> = {}) {
  const line = operations.split("\n").find((each) => each.startsWith(start)) ?? assert.fail(start);
  const bin = temporaryFolder(t);
  writeFileSync(join(bin, "gh-runner"), `#!/bin/sh\nexec ${process.execPath} ${ROOT}${release()} "$@"\n`, {
    mode: 0o755,
  });
  const env = { PATH: `${bin}:${process.env.PATH}`, ...environment };
  const { status, stderr } = spawnSync("sh", ["-c", line], { cwd: folder, encoding: "utf8", env });
  assert.equal(status, 0, stderr);
}

/** The service as a process, and four callers that send the next event after each answer. */
async function loaded(t: TestContext) {
  const folder = temporaryFolder(t);
  const dataDir = join(folder, "data");
  const github = await startGitHub({ record: false });
  t.after(() => github.close());
  github.token(TOKEN);
  github.repository(TARGET);
  github.repository(DEPLOYMENT);
  for (let at = 0; at < 20; at++) deploy(github, `pr-${at}`, "abc");
  const port = await fixedPort();
  const start = (dataDir: string) => spawnService(t, { port, dataDir, githubUrl: github.url });
  const service = start(dataDir);
  await listening(service, port);
  const answered: string[] = [];
  let loading = true;
  const load = Promise.all(
    Array.from({ length: 4 }, async (_, client) => {
      for (let at = client; loading; at += 4) {
        const heard = await dispatchTo(port, { application: `pr-${at % 20}` }, { prefer: "respond-async" });
        if (heard?.run) answered.push(heard.run);
      }
    }),
  );
  await eventually("there is something to keep", 60_000, () => answered.length > 200);
  const stop = async () => {
    loading = false;
    await load;
  };
  return { folder, dataDir, port, start, service, answered, stop };
}

function lacks(restored: string, runs: readonly string[]): readonly string[] {
  const kept = new Set(readHistory(restored).map(({ id }) => id));
  return runs.filter((run) => !kept.has(run));
}

describe("a backup of SQLite", () => {
  it("as docs/operations.md makes and restores it, while the service runs under load, has every event that was answered before", async (t) => {
    const { folder, port, start, service, answered, stop } = await loaded(t);
    mkdirSync(join(folder, "backups"));
    const before = [...answered];
    documented(t, "gh-runner backup backups", folder, { DATA_DIR: "data" });
    const continued = answered.length;
    await eventually("the service continues", 60_000, () => answered.length > continued + 20);
    await stop();
    await service.kill();

    const restored = join(folder, "restored");
    const [name = ""] = readdirSync(join(folder, "backups"));
    await succeeds(["restore", join(folder, "backups", name)], { DATA_DIR: restored });
    assert.equal(integrity(restored), "ok");
    assert.deepEqual(lacks(restored, before), []);
    const again = start(restored);
    await listening(again, port);
    await eventually("all runs of the backup have ended", 60_000, () => unfinished(restored) === 0);
    assert.equal((await dispatchTo(port, { application: "pr-1" }))?.status, 200);
    again.stop();
    assert.equal(await again.ended, 0);
  });

  it("after a kill -9 has every answered event, and leaves the folder to the service", async (t) => {
    const { folder, dataDir, port, start, service, answered, stop } = await loaded(t);
    await service.kill();
    const knocking = stop();
    const file = join(folder, "killed.sqlite");
    await succeeds(["backup", file], { DATA_DIR: dataDir });
    const again = start(dataDir);
    await listening(again, port);
    await knocking;
    again.stop();
    assert.equal(await again.ended, 0);
    const known = new Set(readHistory(dataDir).map(({ id }) => id));
    const restored = join(folder, "restored");
    await succeeds(["restore", file], { DATA_DIR: restored });
    assert.equal(integrity(restored), "ok");
    const missing = lacks(restored, answered);
    // The process that started after the backup answered those.
    assert.ok(missing.every((run) => known.has(run)) && missing.length <= 4, String(missing.length));
  });

  it("works through standard output and input, for containers without a shell", async (t) => {
    const { place, text } = await backedUp(t, "SQLite");
    const backup = startCommand(t, ["backup"], place);
    const parts: Buffer[] = [];
    for await (const part of backup.child.stdout) parts.push(part as Buffer);
    assert.deepEqual(
      readdirSync(place.DATA_DIR ?? "").filter((name) => name.startsWith("gh-runner-backup")),
      [],
    );
    const target = placeOf(t, "SQLite");
    const restore = startCommand(t, ["restore"], target);
    // The input may arrive in small pieces.
    const [first = Buffer.alloc(0)] = parts;
    restore.child.stdin.write(first.subarray(0, 3));
    setTimeout(() => restore.child.stdin.end(Buffer.concat([first.subarray(3), ...parts.slice(1)])), 50);
    const { code, stderr } = await restore.ended();
    assert.equal(code, 0, stderr);
    assert.equal(await exported(target), text);
  });

  it("holds what runs were given and the key of callbacks, and no token", async (t) => {
    const { place, file } = await backedUp(t, "SQLite");
    assert.ok(readFileSync(file).includes("pr-"));
    assert.ok(operations.includes("`store_keys`"));
    const { github, url } = await startService(t, { settings: place });
    github.token("ghp_callersOwnTokenOfThisTest00000000");
    deploy(github, "pr-1", "abc");
    await notify(url, { application: "pr-1", github_token: "ghp_callersOwnTokenOfThisTest00000000" });
    await succeeds(["backup", `${file}.2`], place);
    const bytes = readFileSync(`${file}.2`);
    for (const token of [TOKEN, "ghp_callersOwnTokenOfThisTest00000000"]) assert.ok(!bytes.includes(token));
  });

  it("restored into a folder keeps the folder's owner and permissions, and ends all sessions", async (t) => {
    const { place, file } = await backedUp(t, "SQLite");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const db = new DatabaseSync(file);
    db.exec(
      "INSERT INTO sessions (hash, actor, via, credential, started_at, ends_at) VALUES ('h', 'alice', 'sign_in_form', 'c', 1, 9000000000000)",
    );
    db.close();
    const database = join(place.DATA_DIR ?? "", "gh-runner.sqlite");
    chmodSync(database, 0o640);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(database, 65532, 65532);
    await succeeds(["restore", file, "--replace"], place);
    const { mode, uid } = statSync(database);
    assert.equal(mode & 0o777, 0o640);
    if (isRoot) assert.equal(uid, 65532);
    const restored = new DatabaseSync(database);
    assert.deepEqual(restored.prepare("SELECT * FROM sessions").all(), []);
    restored.close();

    const fresh = temporaryFolder(t);
    if (isRoot) chownSync(fresh, 65532, 65532);
    await succeeds(["restore", file], { DATA_DIR: fresh });
    for (const name of readdirSync(fresh)) {
      const { mode, uid } = statSync(join(fresh, name));
      assert.equal(mode & 0o777, 0o600, name);
      if (isRoot) assert.equal(uid, 65532, name);
    }
  });

  it("is not restored into a folder that a service uses", async (t) => {
    const { file } = await backedUp(t, "SQLite");
    const place = placeOf(t, "SQLite");
    await startService(t, { settings: place });
    assert.match(await fails(["restore", file, "--replace"], place), /another process uses it\. Stop that process/);
  });

  it("is not restored into PostgreSQL", async (t) => {
    const { file } = await backedUp(t, "SQLite");
    assert.match(
      await fails(["restore", file], placeOf(t, "PostgreSQL")),
      /database of SQLite, and DATABASE_URL is set/,
    );
  });

  it("of another program, of a newer version, or the live database without its log is rejected", async (t) => {
    const { file } = await backedUp(t, "SQLite");
    const place = await filled(t, "SQLite");
    const before = await exported(place);
    const other = join(temporaryFolder(t), "other.sqlite");
    new DatabaseSync(other).exec("CREATE TABLE runs (id); PRAGMA journal_mode = WAL");
    assert.match(await fails(["restore", other, "--replace"], place), /not a gh-runner database/);
    const db = new DatabaseSync(file);
    db.exec("PRAGMA user_version = 999");
    db.close();
    assert.match(await fails(["restore", file, "--replace"], place), /a newer gh-runner wrote it \(schema 999/);
    writeFileSync(`${file}-wal`, "pages");
    assert.match(
      await fails(["restore", file, "--replace"], place),
      /It is not a backup, but the database of a service/,
    );
    assert.equal(await exported(place), before);
  });
});

for (const kind of ["SQLite", "PostgreSQL"] as const) {
  describe(`a backup of ${kind}`, () => {
    it("restored into an empty store reports the same, and needs a confirmation if there are runs", async (t) => {
      const { file, text } = await backedUp(t, kind);
      const target = placeOf(t, kind);
      assert.equal(await succeeds(["restore", file], target), "21 runs restored.\n");
      assert.equal(await exported(target), text);
      assert.match(await fails(["restore", file], target), /already/);
      const { place: other, text: others } = await backedUp(t, kind);
      assert.notEqual(others, text);
      await succeeds(["restore", file, "--replace"], other);
      assert.equal(await exported(other), text);
    });

    it("that is cut off or changed anywhere is rejected, and nothing changes", async (t) => {
      const { file } = await backedUp(t, kind);
      const place = await filled(t, kind);
      const before = await exported(place);
      const { size } = statSync(file);
      const whole = readFileSync(file);
      for (const part of [0, 10, 100, Math.floor(size / 3), Math.floor(size * 0.9), size - 1]) {
        truncateSync(file, part);
        await fails(["restore", file, "--replace"], place);
        writeFileSync(file, whole);
      }
      const changed = Buffer.from(whole);
      const from = kind === "SQLite" ? 4096 : Math.floor(size / 2);
      changed.fill(0xff, from, from + (kind === "SQLite" ? 8192 : 16));
      writeFileSync(file, changed);
      await fails(["restore", file, "--replace"], place);
      writeFileSync(file, "this is no backup");
      await fails(["restore", file, "--replace"], place);
      await fails(["restore", join(temporaryFolder(t), "missing")], place);
      assert.equal(await exported(place), before);
      const left = readdirSync(place.DATA_DIR ?? "").filter((name) => name.includes("restoring"));
      assert.deepEqual(left, []);
    });

    it("reports that the disk is full, and leaves no incomplete file", async (t) => {
      const folder = mounted(t, "size=64k");
      if (folder === undefined) return;
      const place = await filled(t, kind);
      assert.throws(() => writeFileSync(join(folder, "other"), Buffer.alloc(128 * 1024)), /ENOSPC/);
      for (const target of [join(folder, "backup"), folder])
        assert.match(await fails(["backup", target], place), /(full|no space).*Make room/is);
      assert.deepEqual(readdirSync(folder), ["other"]);
    });

    it("in a folder is named by the time, and only the newest ones are kept", async (t) => {
      const place = await filled(t, kind);
      const folder = temporaryFolder(t);
      const extension = kind === "SQLite" ? "sqlite" : "jsonl.gz";
      const old = ["20250101", "20250102", "20250103"].map((day) => `gh-runner-${day}T020000Z.${extension}`);
      for (const name of [...old, "notes.txt"]) writeFileSync(join(folder, name), "");
      const said = await succeeds(["backup", folder, "--keep", "2"], place);
      const [kept, made = "", other, ...more] = readdirSync(folder).sort();
      assert.deepEqual([kept, other, more], [old[2], "notes.txt", []]);
      assert.match(made, new RegExp(`^gh-runner-\\d{8}T\\d{6}Z\\.${extension.replace(".", "\\.")}$`));
      assert.match(said, new RegExp(`${made}: \\d+\\.\\d MB\\. Deleted: `));
      assert.match(await fails(["backup", join(folder, made)], place), /it already exists/);
      assert.match(await fails(["backup", join(folder, "new"), "--keep", "2"], place), /--keep is for a folder/);
    });

    it("that is stopped leaves no file", async (t) => {
      const place = await filled(t, kind);
      const folder = temporaryFolder(t);
      const { child, ended } = startCommand(t, ["backup", folder], place);
      await eventually("it has begun", 60_000, () => readdirSync(folder).length > 0 || child.exitCode !== null);
      child.kill("SIGTERM");
      const { code, stderr } = await ended();
      const files = readdirSync(folder);
      if (code === 1) assert.deepEqual([files, /stopped by SIGTERM/.test(stderr)], [[], true]);
      else {
        // The backup was complete before the signal. Then the signal can end the process while it exits: its code is null.
        assert.ok(code === 0 || code === null, stderr);
        assert.deepEqual([files.length, files.some((name) => name.includes("unfinished"))], [1, false]);
      }
    });
  });
}

it("an export, compressed or not, is restored into either store", async (t) => {
  const { text } = await backedUp(t, "PostgreSQL");
  const file = join(temporaryFolder(t), "runs.jsonl");
  for (const bytes of [Buffer.from(text), gzipSync(text)]) {
    writeFileSync(file, bytes);
    const target = placeOf(t, "SQLite");
    await succeeds(["restore", file], target);
    assert.equal(await exported(target), text);
  }
});
