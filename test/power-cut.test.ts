import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, statSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { movedClock } from "./support/clock.ts";
import { temporaryFolder } from "./support/folder.ts";
import { LEFTOVERS, readTrace, type TraceEvent, tracedFolder } from "./support/power-cut.ts";
import { chanceOf } from "./support/random.ts";
import { type Flushes, slowDisk, withoutCompiler } from "./support/slow-disk.ts";

const PROGRAM = fileURLToPath(new URL("support/storing.ts", import.meta.url));
/** CUTS=5000 for more of them. Set SEED to repeat the cuts of a test run. */
const CUTS = Number(process.env.CUTS ?? 12);
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));

/** The writes and flushes of a process that stored events, claimed and settled their runs. */
async function traced(
  t: TestContext,
  { events, inParallel, bytes, end }: { events: number; inParallel: number; bytes: number; end?: boolean },
  flushes: Flushes = {},
): Promise<readonly TraceEvent[]> {
  const folder = temporaryFolder(t);
  const trace = join(temporaryFolder(t), "trace");
  const disk = slowDisk(t, folder, trace);
  disk.flushes(flushes);
  const args = [PROGRAM, folder, ...[events, inParallel, bytes].map(String), ...(end ? ["end"] : [])];
  const child = spawn(process.execPath, args, { env: { ...process.env, ...disk.environment }, stdio: "inherit" });
  const [code, signal] = await once(child, "close");
  assert.ok(end ? code === 0 : signal === "SIGKILL", `${code} ${signal}`);
  return readTrace(trace);
}

/** Cuts per restart of the log: the last writes must not be there without the earlier ones. */
const AFTER_BEGINNING = 10;

/** Moments of a power failure: at each change of what SQLite does, and some random ones. */
function moments(trace: readonly TraceEvent[], count: number, next: () => number): readonly number[] {
  const first = trace.findIndex(({ name }) => name === "answered");
  const isEdge = (at: number) => {
    const [before, event] = [trace[at - 1]!, trace[at]!];
    return event.kind !== "write" ? event.name !== "gh-runner.sqlite-wal" : before.name !== event.name;
  };
  const all = Array.from(trace.keys()).slice(first);
  const edges = all.filter(isEdge);
  const random = Array.from({ length: count }, () => all[Math.floor(next() * all.length)]!);
  const some = edges.length <= count ? edges : edges.filter(() => next() < count / edges.length);
  const beginnings = all.filter(
    (at) => trace[at]!.name === "gh-runner.sqlite-wal" && trace[at]!.kind === "write" && trace[at]!.offset === 0,
  );
  const soonAfter = beginnings.flatMap((at) =>
    Array.from({ length: AFTER_BEGINNING }, (_, nth) => at + Math.floor(nth / 2)),
  );
  return [...some, ...random, ...soonAfter].filter((at) => at < trace.length).toSorted((a, b) => a - b);
}

/** Cuts the power at many moments. Each time the database must be intact and have everything that was answered. */
async function assertSurvives(t: TestContext, trace: readonly TraceEvent[]): Promise<void> {
  const chance = chanceOf(SEED);
  const next = () => chance.next();
  const folder = temporaryFolder(t);
  const traced = tracedFolder();
  const cuts = moments(trace, CUTS, next);
  const answered = new Map<string, string>();
  let at = 0;
  for (const [nth, moment] of cuts.entries()) {
    for (; at <= moment; at++) {
      const event = trace[at]!;
      traced.follow(event);
      if (event.name !== "answered" || event.kind !== "write") continue;
      const [what, id] = event.bytes.toString().trim().split(" ") as [string, string];
      if (what !== "rejected") answered.set(id, what);
    }
    const leftovers = LEFTOVERS[nth % LEFTOVERS.length]!;
    traced.cut(folder, leftovers, next);
    const told = `seed ${SEED}, cut ${nth} before event ${at} of ${trace.length}, unflushed ${leftovers}`;
    await openSqliteStore(folder, movedClock(Date.now())).close();
    const db = new DatabaseSync(join(folder, "gh-runner.sqlite"), { readOnly: true });
    const [check] = db.prepare("PRAGMA integrity_check(1)").all();
    assert.deepEqual({ ...check }, { integrity_check: "ok" }, told);
    const stored = new Map(
      db
        .prepare("SELECT id, status FROM runs")
        .all()
        .map(({ id, status }) => [id, status]),
    );
    db.close();
    for (const [id, what] of answered) {
      assert.ok(stored.has(id), `${told}: ${id} was ${what}, and is gone`);
      if (what === "settled") assert.equal(stored.get(id), "success", `${told}: ${id}`);
    }
  }
  t.diagnostic(`SEED=${SEED}: ${cuts.length} power failures, ${answered.size} answers`);
}

/** Each takes 3 to 5 s of an idle core. */
const PATIENT = { timeout: 400_000 };

describe("after a power failure at any moment", { skip: withoutCompiler }, () => {
  it("the database is intact and has everything that was answered, during repeated checkpoints", PATIENT, async (t) => {
    const trace = await traced(t, { events: 900, inParallel: 5, bytes: 3000 });
    const copies = trace.filter(({ kind, name }) => kind === "flushed" && name === "gh-runner.sqlite");
    assert.ok(copies.length >= 4, `carried over ${copies.length} times`);
    await assertSurvives(t, trace);
  });

  it("the same holds while a log shrinks that a burst made large", PATIENT, async (t) => {
    const trace = await traced(t, { events: 300, inParallel: 150, bytes: 60_000 });
    assert.ok(trace.some(({ kind, name }) => kind === "size" && name === "gh-runner.sqlite-wal"));
    await assertSurvives(t, trace);
  });

  for (const [what, flushes] of [
    ["a flush of the log fails once", { ofFiles: "-wal", after: 60, count: 1 }],
    ["flushes of the log fail for a while", { ofFiles: "-wal", after: 60, count: 5 }],
    ["a flush of the database fails once", { ofFiles: "sqlite", after: 3, count: 1 }],
    ["flushes of the database fail for a while", { ofFiles: "sqlite", after: 3, count: 5 }],
    ["flushes of all files fail from then on", { after: 60 }],
  ] as const) {
    it(`the same holds when ${what}`, PATIENT, async (t) => {
      const trace = await traced(t, { events: 900, inParallel: 5, bytes: 3000 }, { fail: "EIO", ...flushes });
      const failed = trace.filter((event) => event.failed).length;
      assert.ok("count" in flushes ? failed === flushes.count : failed > 2, `${failed} flushes failed`);
      await assertSurvives(t, trace);
    });
  }

  it("the same holds after a kill when the database could not be flushed, with a reader that stays over the next start", async (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, "gh-runner.sqlite");
    const disk = slowDisk(t, folder);
    await openSqliteStore(folder, movedClock(Date.now())).close();
    const onDisk = readFileSync(file);
    const reader = new DatabaseSync(file, { readOnly: true });
    t.after(() => reader.close());
    reader.exec("PRAGMA user_version");
    disk.flushes({ fail: "EIO", ofFiles: "sqlite" });
    const child = spawn(process.execPath, [PROGRAM, folder, "900", "5", "3000"], {
      env: { ...process.env, ...disk.environment },
    });
    assert.deepEqual(await once(child, "close"), [null, "SIGKILL"]);
    assert.ok(statSync(file).size > onDisk.length, "the log was copied");
    const answered = readFileSync(join(folder, "answered"), "utf8").match(/(?<=accepted ).*/g)!;
    // Unflushed data is lost.
    truncateSync(file, onDisk.length);
    const descriptor = openSync(file, "r+");
    writeSync(descriptor, onDisk, 0, onDisk.length, 0);
    closeSync(descriptor);
    const store = openSqliteStore(folder, movedClock(Date.now()));
    await store.check();
    await store.close();
    assert.deepEqual({ ...reader.prepare("PRAGMA integrity_check(1)").get() }, { integrity_check: "ok" });
    const stored = new Set(
      reader
        .prepare("SELECT id FROM runs")
        .all()
        .map(({ id }) => id),
    );
    assert.ok(answered.length > 50, `${answered.length} were answered`);
    for (const id of answered) assert.ok(stored.has(id), id);
  });

  it("the same holds while the service stops", PATIENT, async (t) => {
    await assertSurvives(t, await traced(t, { events: 60, inParallel: 5, bytes: 3000, end: true }));
  });
});
