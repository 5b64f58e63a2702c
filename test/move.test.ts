import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { systemClock } from "../src/model/clock.ts";
import type { RunStore } from "../src/model/store.ts";
import { openStore, type StoreSettings } from "../src/open-store.ts";
import { fillWithAllKinds, toldBy } from "./support/all-kinds.ts";
import { until } from "./support/clock.ts";
import { command } from "./support/command.ts";
import { temporaryFolder } from "./support/folder.ts";
import { postgresForTests } from "./support/postgres.ts";
import { deploy, notify, send, startService, TOKEN } from "./support/service.ts";

const postgres = postgresForTests();

type Kind = "SQLite" | "PostgreSQL";

/** An empty place for a store: its settings as the environment has them. */
function placeOf(t: TestContext, kind: Kind): Record<string, string> {
  const folder = { DATA_DIR: temporaryFolder(t) };
  return kind === "SQLite" ? folder : { ...folder, DATABASE_URL: postgres.url, DATABASE_SCHEMA: postgres.schema() };
}

async function withStore<T>(place: Record<string, string>, work: (store: RunStore) => Promise<T>): Promise<T> {
  const settings: StoreSettings = {
    dataDir: place.DATA_DIR as string,
    databaseUrl: place.DATABASE_URL,
    databasePassword: undefined,
    databaseSchema: place.DATABASE_SCHEMA ?? "unused",
  };
  const store = await openStore(settings, { clock: systemClock, log: { warn: () => {} } });
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

const takeEverything = async (store: RunStore) =>
  store.claim({ owner: "next", now: Date.now(), until: Date.now() + 60_000, limit: 100 });

for (const [from, to] of [
  ["SQLite", "PostgreSQL"],
  ["PostgreSQL", "SQLite"],
] as const) {
  describe(`a store that is moved from ${from} to ${to}`, () => {
    it("tells the same, goes on with what waits, and moves back as the same file", async (t) => {
      const [source, target, back] = [placeOf(t, from), placeOf(t, to), placeOf(t, from)];
      const { queued, running } = await withStore(source, fillWithAllKinds);
      const text = await exported(source);
      assert.match(text, /"newer":2/);
      const imported = await command(["import", fileOf(t, text)], target);
      assert.deepEqual([imported.code, imported.stdout], [0, "11 runs imported.\n"], imported.stderr);

      assert.equal(await exported(target), text, "it is exported as it was imported");
      await command(["import", fileOf(t, text)], back);
      assert.equal(await exported(back), text);

      // Whatever ran is interrupted by the first who is at work, here and there.
      // With PostgreSQL some seconds after its start, since it does not know how the others are.
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
    });
  });

  describe(`an import into ${to}`, () => {
    it("is refused where there are runs already", async (t) => {
      const target = placeOf(t, to);
      await withStore(target, fillWithAllKinds);
      const before = await exported(target);
      const { code, stderr } = await command(["import", fileOf(t, before)], target);
      assert.equal(code, 1);
      assert.match(stderr, /^Cannot import .* has runs already.*Nothing was imported\.\n$/);
      assert.equal(await exported(target), before);
    });

    it("leaves nothing behind when a line is broken, and names it", async (t) => {
      const [source, target] = [placeOf(t, from), placeOf(t, to)];
      await withStore(source, fillWithAllKinds);
      const lines = (await exported(source)).split("\n");
      const refused = async (text: string, what: RegExp) => {
        const { code, stderr } = await command(["import", fileOf(t, text)], target);
        assert.equal(code, 1, text.slice(0, 200));
        assert.match(stderr, what);
        assert.equal(stderr.split("\n").length, 2, stderr);
      };
      const withLine = (at: number, line: string) => lines.with(at - 1, line).join("\n");
      await refused(withLine(5, "{"), /^Cannot import line 5: it is no JSON\. Nothing was imported\./);
      await refused(
        withLine(4, lines[3]!.replace('"pr-3"', "3")),
        /^Cannot import line 4: run\.group: .*Nothing was imported/,
      );
      await refused(withLine(3, lines[1]!), /^Cannot import line (3|2 to \d+): .*[Uu]nique.*Nothing was imported/i);
      await refused(withLine(1, "{}"), /^Cannot import line 1: it is not that of an export of gh-runner/);
      await refused(lines.slice(0, 6).join("\n"), /^Cannot import line 7: the export is cut off/);
      await refused(lines.toSpliced(3, 1).join("\n"), /records were exported, and \d+ are here/);
      await refused("", /^Cannot import line 1: there is nothing/);
      await withStore(target, async (store) => assert.deepEqual((await store.list({}, { limit: 1 })).runs, []));
    });
  });
}

describe("a service that is moved", () => {
  it("carries out what waited once, without the token that came with another run", async (t) => {
    const source = placeOf(t, "SQLite");
    const before = await startService(t, { settings: source });
    before.github.fault({}, { kind: "status", status: 502 });
    const failed = await notify(before.url, { application: "pr-1" });
    assert.equal(failed.status, 500);
    const own = "ghp_ownToken0123456789abcdefABCDEF012345";
    before.github.token(own);
    await notify(before.url, { application: "pr-2", github_token: own });
    const { runs } = (await send(before.url, { path: "/api/runs?status=queued" })).json;
    assert.deepEqual(
      runs.map(({ group }: { group: string }) => group),
      ["pr-1"],
    );
    await before.app.close();

    const text = await exported(source);
    for (const token of [TOKEN, own]) assert.ok(!text.includes(token), "no token is in it");
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
  it("says so when there is nothing to export, and when a file or a database cannot be used", async (t) => {
    const empty = placeOf(t, "SQLite");
    const nothing = await command(["export"], empty);
    assert.equal(nothing.code, 1);
    assert.match(nothing.stderr, /^Cannot export .*gh-runner\.sqlite: there is none\. Set DATA_DIR/);
    const none = await command(["export"], placeOf(t, "PostgreSQL"));
    assert.match(none.stderr, /^Cannot use the schema test_\w+ in PostgreSQL: it is not there\. .*gh-runner migrate/);
    const missing = await command(["import", "/nowhere/runs.jsonl"], empty);
    assert.match(missing.stderr, /^Cannot import \/nowhere\/runs\.jsonl: ENOENT/);
    await withStore(empty, async () => {});
    const unwritable = await command(["export", "--output", "/nowhere/runs.jsonl"], empty);
    assert.match(unwritable.stderr, /^Cannot export to \/nowhere\/runs\.jsonl: ENOENT/);
    assert.deepEqual(
      [nothing, none, missing, unwritable].map(({ code }) => code),
      [1, 1, 1, 1],
    );
  });

  it("goes to a file for its owner's eyes, and overwrites none", async (t) => {
    const place = placeOf(t, "SQLite");
    await withStore(place, fillWithAllKinds);
    const file = join(temporaryFolder(t), "runs.jsonl");
    const first = await command(["export", "--output", file], place);
    assert.equal(first.code, 0, first.stderr);
    assert.equal(readFileSync(file, "utf8"), await exported(place));
    const second = await command(["export", "--output", file], place);
    assert.deepEqual([second.code, /it is there already/.test(second.stderr)], [1, true]);
  });

  it("is taken beside a service that goes on, and says what that means", async (t) => {
    const place = placeOf(t, "SQLite");
    await withStore(place, async (store) => {
      await fillWithAllKinds(store);
      const { code, stdout, stderr } = await command(["export"], place);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /A service uses this store and goes on.*To move, stop it first\./);
      assert.match(stdout, /"status":"running"/);
      await takeEverything(store);
    });
  });
});
