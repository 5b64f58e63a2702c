import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import pg from "pg";
import { watched } from "../src/cli/store.ts";
import { systemClock } from "../src/model/clock.ts";
import { unchanging } from "../src/model/renewable.ts";
import type { RunStore } from "../src/model/store.ts";
import { readConfig } from "../src/service/config/config.ts";
import { openStore } from "../src/service/open-store.ts";
import { fillWithAllKinds, toldBy } from "./support/all-kinds.ts";
import { movedClock, until } from "./support/clock.ts";
import { command, type StartedCommand, startCommand } from "./support/command.ts";
import { mounted } from "./support/disk.ts";
import { temporaryFolder } from "./support/folder.ts";
import { lossyProxy } from "./support/lossy-proxy.ts";
import { postgresForTests } from "./support/postgres.ts";
import { ask } from "./support/postgres-history.ts";
import { deploy, notify, send, startService, TOKEN } from "./support/service.ts";

const postgres = postgresForTests();

type Kind = "SQLite" | "PostgreSQL";

/** An empty place for a store: its settings as environment variables. */
function placeOf(t: TestContext, kind: Kind): Record<string, string> {
  const folder = { DATA_DIR: temporaryFolder(t) };
  return kind === "SQLite" ? folder : { ...folder, DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema() };
}

async function withStore<T>(place: Record<string, string>, work: (store: RunStore) => Promise<T>): Promise<T> {
  const store = await openStore(unchanging(readConfig(place).store), { clock: systemClock, log: { warn: () => {} } });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

async function exported(place: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await command(["export"], place);
  assert.equal(code, 0, stderr);
  return stdout;
}

function fileOf(t: TestContext, text: string): string {
  const file = join(temporaryFolder(t), "runs.jsonl");
  writeFileSync(file, text);
  return file;
}

/** An export of ended runs with one step and one attempt each. The first `large` have an input of this many bytes. */
function exportOf(count: number, { large = 0, bytes = 0 } = {}): string {
  const lines = Array.from({ length: count }, (_, at) => {
    const [acceptedAt, endedAt] = [1_795_000_000_000 + at, 1_795_000_000_900 + at];
    const times = { startedAt: acceptedAt, endedAt };
    const counts = { begun: 1, failures: 0, stepsFrom: 1 };
    const run = {
      ...{ id: randomUUID(), workflow: "deploy", group: `pr-${at}`, ownToken: false, status: "success" },
      ...{ input: { text: randomBytes(at < large ? bytes : 0).toString("base64") }, outputs: { ok: true } },
      ...{ acceptedAt, retriesFrom: acceptedAt, ...times, ...counts },
      attempts: [{ number: 1, ...times, outcome: "success" }],
      steps: [{ name: "dispatch", attempt: 1, ...times, result: { ok: true } }],
    };
    return JSON.stringify({ run });
  });
  const first = JSON.stringify({ format: "gh-runner export", version: 1 });
  return [first, ...lines, JSON.stringify({ end: { records: count } }), ""].join("\n");
}

/** Starts an import that has read nearly all of an export and waits for the rest. */
async function begunImport(t: TestContext, target: Record<string, string>, text: string): Promise<StartedCommand> {
  const started = startCommand(t, ["import"], target);
  await new Promise((resolve) => started.child.stdin.write(text.slice(0, -100), resolve));
  return started;
}

/** The target is empty and accepts the import. */
async function assertEmpty(t: TestContext, target: Record<string, string>, text: string): Promise<void> {
  const { code, stderr } = await command(["import", fileOf(t, text)], target);
  assert.equal(code, 0, stderr);
}

const takeEverything = async (store: RunStore) =>
  store.claim({ owner: "next", now: Date.now(), leaseMs: 60_000, limit: 100 });

for (const [from, to] of [
  ["SQLite", "PostgreSQL"],
  ["PostgreSQL", "SQLite"],
] as const) {
  describe(`a store that is moved from ${from} to ${to}`, () => {
    it("reports the same, continues waiting runs, and moves back as the same file", async (t) => {
      const [source, target, back] = [placeOf(t, from), placeOf(t, to), placeOf(t, from)];
      const { queued, running } = await withStore(source, fillWithAllKinds);
      const text = await exported(source);
      assert.match(text, /"newer":2/);
      const imported = await command(["import", fileOf(t, text)], target);
      assert.deepEqual([imported.code, imported.stdout], [0, "21 runs imported.\n"], imported.stderr);

      assert.equal(await exported(target), text, "it is exported as it was imported");
      await command(["import", fileOf(t, text)], back);
      assert.equal(await exported(back), text);

      // The first process that works interrupts running attempts, in both places.
      // With PostgreSQL some seconds after its start, because it does not know about the other replicas.
      const claims: string[] = [];
      await withStore(target, (store) =>
        until("both are claimed", async () => {
          claims.push(...(await takeEverything(store)).map(({ run }) => run.id));
          return claims.length >= 2;
        }),
      );
      assert.deepEqual(claims.toSorted(), [queued, running].toSorted());
      const { stdout } = await command(["export"], target);
      assert.match(stdout, /"outcome":"interrupted"/);
    });

    it("shows lists, details, sums, limits and schedules as before", async (t) => {
      const [source, target] = [placeOf(t, from), placeOf(t, to)];
      const before = await withStore(source, async (store) => {
        const { running } = await fillWithAllKinds(store);
        const { run } = (await store.get(running))!;
        const attempt = { number: 1, startedAt: 1, endedAt: 2, outcome: "success", reason: undefined } as const;
        await store.settle(
          { run, attempt: 1, owner: "o", steps: [] },
          { ...attempt, kind: undefined, githubRequestId: undefined },
          { status: "success", outputs: {}, dedupeKey: undefined },
        );
        return toldBy(store);
      });
      const { code, stderr } = await command(["import", fileOf(t, await exported(source))], target);
      assert.equal(code, 0, stderr);
      assert.deepEqual(await withStore(target, toldBy), before);
      assert.deepEqual(before.chain.problems, [], "the chain of the audit log outlives the move");
      assert.ok(before.chain.checked > 3);
    });
  });

  describe(`an import into ${to}`, () => {
    it("is rejected if there are runs already", async (t) => {
      const target = placeOf(t, to);
      await withStore(target, fillWithAllKinds);
      const before = await exported(target);
      const { code, stderr } = await command(["import", fileOf(t, before)], target);
      assert.equal(code, 1);
      assert.match(stderr, /^Cannot import .* already has runs.*Nothing was imported\.\n$/);
      assert.equal(await exported(target), before);
    });

    it("that is stopped by a signal leaves nothing behind, and reports it", async (t) => {
      const [target, text] = [placeOf(t, to), exportOf(3000)];
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        const { child, ended } = await begunImport(t, target, text);
        child.kill(signal);
        const { code, stdout, stderr } = await ended();
        const said = `Cannot import: it was stopped by ${signal}. Nothing was imported.\n`;
        assert.deepEqual({ code, stdout, stderr }, { code: 1, stdout: "", stderr: said });
      }
      await assertEmpty(t, target, text);
    });

    it("leaves nothing behind when a line is broken, and names it", async (t) => {
      const [source, target] = [placeOf(t, from), placeOf(t, to)];
      await withStore(source, fillWithAllKinds);
      const lines = (await exported(source)).split("\n");
      const rejects = async (text: string, what: RegExp) => {
        const { code, stderr } = await command(["import", fileOf(t, text)], target);
        assert.equal(code, 1, text.slice(0, 200));
        assert.match(stderr, what);
        assert.equal(stderr.split("\n").length, 2, stderr);
      };
      const withLine = (at: number, line: string) => lines.with(at - 1, line).join("\n");
      await rejects(withLine(5, "{"), /^Cannot import line 5: it is not JSON\. Nothing was imported\./);
      await rejects(
        withLine(4, lines[3]!.replace('"pr-3"', "3")),
        /^Cannot import line 4: run\.group: .*Nothing was imported/,
      );
      await rejects(withLine(3, lines[1]!), /^Cannot import line (3|2 to \d+): .*[Uu]nique.*Nothing was imported/i);
      await rejects(withLine(1, "{}"), /^Cannot import line 1: this is not the first line of a gh-runner export/);
      await rejects(lines.slice(0, 6).join("\n"), /^Cannot import line 7: the export is cut off/);
      await rejects(lines.toSpliced(3, 1).join("\n"), /the export has \d+ records, but this file has \d+/);
      await rejects("", /^Cannot import line 1: the file is empty\. Give an export to import, /);
      await rejects(
        "no JSON",
        /^Cannot import line 1: this is not the first line of a gh-runner export\. Give an export /,
      );
      await withStore(target, async (store) => assert.deepEqual((await store.list({}, { limit: 1 })).runs, []));
    });
  });
}

describe("an export of version 0.1", () => {
  for (const kind of ["SQLite", "PostgreSQL"] as const) {
    it(`is imported into ${kind}, and is exported unchanged`, async (t) => {
      const [old, target] = [join(import.meta.dirname, "fixtures/export-0.1.jsonl"), placeOf(t, kind)];
      const { code, stdout, stderr } = await command(["import", old], target);
      assert.deepEqual([code, stdout], [0, "11 runs imported.\n"], stderr);
      assert.equal(await exported(target), readFileSync(old, "utf8"));
    });
  }
});

describe("an import into SQLite", () => {
  it("for which the disk has no room leaves nothing behind, and reports it", async (t) => {
    const folder = mounted(t, "size=6m");
    if (!folder) return;
    const { code, stderr } = await command(["import", fileOf(t, exportOf(20_000))], { DATA_DIR: folder });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^Cannot import into .* \(.*disk.*\)\. Check that its disk .* has room .*Nothing was imported\.\n$/,
    );
    await assertEmpty(t, { DATA_DIR: folder }, exportOf(3000));
  });
});

describe("an import into PostgreSQL", () => {
  const schemaOf = (target: Record<string, string>) => target.DATABASE_SCHEMA as string;

  it("takes the same time for the last run and the first, for any statistics of the tables", async (t) => {
    const target = placeOf(t, "PostgreSQL");
    await command(["migrate"], target);
    await ask(postgres.url, `VACUUM ANALYZE ${schemaOf(target)}.runs`);
    const text = exportOf(2000, { large: 150, bytes: 45_000 });
    assert.equal((await command(["import", fileOf(t, text)], target)).code, 0);
    const reads = async () =>
      (await ask(
        postgres.url,
        "SELECT seq_scan::int, idx_scan::int FROM pg_stat_all_tables WHERE schemaname = $1 AND relname = 'runs'",
        [schemaOf(target)],
      )) as [{ seq_scan: number; idx_scan: number }];
    await until("the checks of its foreign keys are counted", async () => (await reads())[0].idx_scan >= 4000);
    assert.ok((await reads())[0].seq_scan < 100);
  });

  it("leaves statistics, so that the first page is as fast as later ones", async (t) => {
    const target = placeOf(t, "PostgreSQL");
    await command(["import", fileOf(t, exportOf(1000))], target);
    const known = await ask(
      postgres.url,
      "SELECT relname, reltuples FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND reltuples = 1000 ORDER BY relname",
      [schemaOf(target)],
    );
    assert.deepEqual(
      known.map(({ relname }) => relname),
      ["attempts", "runs", "steps"],
    );
  });

  it("is not ended by time limits of its role", async (t) => {
    const target = placeOf(t, "PostgreSQL");
    await command(["migrate"], target);
    const role = schemaOf(target);
    await ask(postgres.url, `CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD 'secret'`);
    t.after(() => ask(postgres.url, `DROP ROLE ${role}`));
    const names = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"];
    const known = await ask(postgres.url, "SELECT name FROM pg_settings WHERE name = ANY ($1)", [names]);
    for (const { name } of known) await ask(postgres.url, `ALTER ROLE ${role} SET ${name} = '100ms'`);
    const url = Object.assign(new URL(postgres.url), { username: role, password: "secret" }).href;
    const text = exportOf(1000);
    const { child, ended } = await begunImport(t, { ...target, DATABASE_URL: url }, text);
    const waiting =
      "SELECT 1 FROM pg_stat_activity WHERE usename = $1 AND state = 'idle in transaction' AND now() - state_change > '200ms'";
    await until("it has waited for its input", async () => (await ask(postgres.url, waiting, [role])).length > 0);
    child.stdin.end(text.slice(-100));
    const { code, stderr } = await ended();
    assert.equal(code, 0, stderr);
  });

  it("that waits for a lock of another client can be stopped", async (t) => {
    const [target, text] = [placeOf(t, "PostgreSQL"), exportOf(10)];
    await command(["migrate"], target);
    const other = new pg.Client({ connectionString: postgres.url });
    await other.connect();
    t.after(() => other.end());
    await other.query(`BEGIN; LOCK TABLE ${schemaOf(target)}.runs IN ROW EXCLUSIVE MODE`);
    const { child, ended } = await begunImport(t, target, text);
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE ${schemaOf(target)}.%'`;
    await until("it waits", async () => (await ask(postgres.url, waiting)).length > 0);
    child.kill("SIGTERM");
    const { code, stderr } = await ended();
    assert.deepEqual([code, stderr], [1, "Cannot import: it was stopped by SIGTERM. Nothing was imported.\n"]);
    await other.query("ROLLBACK");
    await assertEmpty(t, target, text);
  });

  it("that loses its connection leaves nothing behind, and reports it", async (t) => {
    const [target, text] = [placeOf(t, "PostgreSQL"), exportOf(3000)];
    const { child, ended } = await begunImport(t, target, text);
    await ask(
      postgres.url,
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'gh-runner service' AND query LIKE $1",
      [`%${schemaOf(target)}.%`],
    );
    child.stdin.end(text.slice(-100));
    const { code, stderr } = await ended();
    assert.equal(code, 1);
    assert.match(stderr, /^Cannot use PostgreSQL at 127\.0\.0\.1.*\. Nothing was imported\.\n$/);
    await assertEmpty(t, target, text);
  });

  it("that loses the answer to its commit reports that its outcome is unknown, and the next one finds it", async (t) => {
    const proxy = await lossyProxy(t, postgres.url);
    for (const [loss, next] of [
      ["answer", /it already has runs/],
      ["all", /^$/],
    ] as const) {
      const [target, file] = [placeOf(t, "PostgreSQL"), fileOf(t, exportOf(10))];
      await command(["migrate"], target);
      proxy.lose(() => loss);
      const { code, stderr } = await command(["import", file], { ...target, DATABASE_URL: proxy.url });
      assert.equal(code, 1);
      assert.match(stderr, /^Cannot use PostgreSQL .* Either everything was imported or nothing. Import again.*\n$/);
      assert.match((await command(["import", file], target)).stderr, next);
    }
  });

  it("for which the database has no room leaves nothing behind, and reports it", async (t) => {
    const [{ folder }] = (await ask(postgres.url, "SELECT current_setting('data_directory') AS folder")) as [
      { folder: string },
    ];
    const owner = statSync(folder, { throwIfNoEntry: false });
    if (!owner) return t.skip("the database is on another machine");
    const disk = mounted(t, `size=1m,mode=700,uid=${owner.uid},gid=${owner.gid}`);
    if (!disk) return;
    const target = placeOf(t, "PostgreSQL");
    const [schema, text] = [schemaOf(target), exportOf(10_000)];
    await ask(postgres.url, `CREATE TABLESPACE ${schema} LOCATION '${disk}'`);
    await command(["migrate"], target);
    await ask(postgres.url, `ALTER TABLE ${schema}.runs SET TABLESPACE ${schema}`);
    const { code, stderr } = await command(["import", fileOf(t, text)], target);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^Cannot use PostgreSQL .*No space left .*\. Make room on its disk\. Nothing was imported\.\n$/,
    );
    await ask(postgres.url, `ALTER TABLE ${schema}.runs SET TABLESPACE pg_default`);
    await ask(postgres.url, `DROP TABLESPACE ${schema}`);
    await assertEmpty(t, target, text);
  });
});

describe("a service that is moved", () => {
  it("executes waiting runs once, without the token that came with another run", async (t) => {
    const source = placeOf(t, "SQLite");
    const before = await startService(t, { settings: source });
    before.github.fault({}, { kind: "status", status: 502 });
    const failed = await notify(before.url, { application: "pr-1" });
    assert.equal(failed.status, 500);
    const callersToken = "ghp_ownToken0123456789abcdefABCDEF012345";
    before.github.token(callersToken);
    await notify(before.url, { application: "pr-2", github_token: callersToken });
    const { runs } = (await send(before.url, { path: "/api/runs?status=queued" })).json;
    assert.deepEqual(
      runs.map(({ group }: { group: string }) => group),
      ["pr-1"],
    );
    await before.app.close();

    const text = await exported(source);
    for (const token of [TOKEN, callersToken]) assert.ok(!text.includes(token), "no token is in it");
    const target = placeOf(t, "PostgreSQL");
    assert.equal((await command(["import", fileOf(t, text)], target)).code, 0);
    const replicas = await Promise.all([1, 2].map(() => startService(t, { settings: target })));
    for (const { github } of replicas) deploy(github, "pr-1", "abc");
    const status = async () => (await send(replicas[0]!.url, { path: `/api/runs/${runs[0].id}` })).json.status;
    await until("it is carried out", async () => (await status()) === "success");
    assert.equal(replicas.flatMap(({ github }) => github.dispatches).length, 1);
  });
});

describe("an export", () => {
  it("fails with the reason when there is nothing to export, or when a file or a database cannot be used", async (t) => {
    const empty = placeOf(t, "SQLite");
    const nothing = await command(["export"], empty);
    assert.equal(nothing.code, 1);
    assert.match(nothing.stderr, /^Cannot export .*gh-runner\.sqlite: the file does not exist\. Set DATA_DIR/);
    const none = await command(["export"], placeOf(t, "PostgreSQL"));
    assert.match(none.stderr, /^Cannot use the schema test_\w+ in PostgreSQL: it does not exist\. .*gh-runner migrate/);
    const missing = await command(["import", "/nowhere/runs.jsonl"], empty);
    assert.match(missing.stderr, /^Cannot import \/nowhere\/runs\.jsonl: ENOENT/);
    for (const place of [empty, placeOf(t, "PostgreSQL")]) {
      const folder = await command(["import", temporaryFolder(t)], place);
      assert.match(folder.stderr, /^Cannot import \/.*: EISDIR.*\. Nothing was imported\.\n$/);
    }
    await withStore(empty, async () => {});
    const unwritable = await command(["export", "--output", "/nowhere/runs.jsonl"], empty);
    assert.match(unwritable.stderr, /^Cannot export to \/nowhere\/runs\.jsonl: ENOENT/);
    assert.deepEqual(
      [nothing, none, missing, unwritable].map(({ code }) => code),
      [1, 1, 1, 1],
    );
  });

  it("goes to a file that only its owner can read, and overwrites none", async (t) => {
    const place = placeOf(t, "SQLite");
    await withStore(place, fillWithAllKinds);
    const file = join(temporaryFolder(t), "runs.jsonl");
    const first = await command(["export", "--output", file], place);
    assert.equal(first.code, 0, first.stderr);
    assert.equal(readFileSync(file, "utf8"), await exported(place));
    const second = await command(["export", "--output", file], place);
    assert.deepEqual([second.code, /it already exists/.test(second.stderr)], [1, true]);
  });

  it("works while a service runs, and says what that means", async (t) => {
    const place = placeOf(t, "SQLite");
    await withStore(place, async (store) => {
      await fillWithAllKinds(store);
      const { code, stdout, stderr } = await command(["export"], place);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /A service is using this store: .*To move, stop the service first\./);
      assert.match(stdout, /"status":"running"/);
      await takeEverything(store);
    });
  });

  it("that is stopped by a signal, or whose reader stops early, leaves no file and reports it", async (t) => {
    for (const place of [placeOf(t, "SQLite"), placeOf(t, "PostgreSQL")]) {
      await command(["import", fileOf(t, exportOf(20_000))], place);
      const folder = temporaryFolder(t);
      const file = join(folder, "runs.jsonl");
      const toFile = startCommand(t, ["export", "--output", file], place);
      await until("it writes", () => readdirSync(folder).length > 0);
      toFile.child.kill("SIGTERM");
      const stopped = await toFile.ended();
      assert.deepEqual(stopped.stderr, `Cannot export: it was stopped by SIGTERM. No ${file} was written.\n`);
      assert.deepEqual(readdirSync(folder), []);

      const toReader = startCommand(t, ["export"], place);
      // It cannot end before the signal: most of its output does not fit into the pipe.
      toReader.child.stdout.pause();
      await until("it writes", () => toReader.child.stdout.readableLength > 0);
      toReader.child.kill("SIGINT");
      toReader.child.stdout.resume();
      const cutOff = await toReader.ended();
      assert.match(cutOff.stderr, /^Cannot export: it was stopped by SIGINT\. The output lacks its last line/);

      const unread = startCommand(t, ["export"], place);
      unread.child.stdout.destroy();
      const { code, stderr } = await unread.ended();
      assert.match(stderr, /^Cannot export to the standard output: write EPIPE\. [^\n]+\n$/);
      assert.deepEqual([stopped.code, cutOff.code, code], [1, 1, 1]);
    }
  });
});

describe("the progress of an import on a terminal", () => {
  it("appears when it takes longer than a moment, at most twice per second", async () => {
    const [clock, said] = [movedClock(), [] as string[]];
    const shown = { show: (text: string) => void said.push(text), clear() {} };
    async function* chunks() {
      for (const [bytes, moved] of [
        [60_000_000, 0],
        [60_000_000, 1900],
        [10_000_000, 2100],
        [10_000_000, 400],
        [10_000_000, 100],
      ] as const) {
        clock.move(moved);
        yield { length: bytes };
        if (clock.now() - started < 2000) assert.deepEqual(said, []);
      }
    }
    const started = clock.now();
    for await (const _ of watched(chunks(), "importing", { total: 667_000_000, shown, now: clock.now }));
    assert.deepEqual(said, [
      "importing, 130 of 667 MB, 4 s; Ctrl-C ends it",
      "importing, 150 of 667 MB, 5 s; Ctrl-C ends it",
    ]);
  });
});
