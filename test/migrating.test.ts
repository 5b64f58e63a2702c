import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import pg from "pg";
import { systemClock } from "../src/model/clock.ts";
import type { RunStore } from "../src/model/store.ts";
import { MIGRATIONS, type Migration } from "../src/store/postgres/migrations.ts";
import { migratePostgres, openPostgresStore } from "../src/store/postgres/store.ts";
import { command } from "./support/command.ts";
import { documentOf } from "./support/documents.ts";
import { temporaryFolder } from "./support/folder.ts";
import { postgresForTests } from "./support/postgres.ts";
import { deploy, notify, startService } from "./support/service.ts";

const postgres = postgresForTests();

/** A version of the program after this one: it adds a column, which this one can do without. */
const NEXT: readonly Migration[] = [
  ...MIGRATIONS,
  {
    worksSince: MIGRATIONS.length,
    sql: ({ own }) => `ALTER TABLE ${own}.runs ADD COLUMN note text; CREATE TABLE ${own}.notes (text text)`,
  },
];

async function open(t: TestContext, schema: string, migrations = MIGRATIONS): Promise<RunStore> {
  const store = await openPostgresStore({
    url: postgres.url,
    schema,
    clock: systemClock,
    onError: () => {},
    migrations,
  });
  t.after(() => store.close());
  return store;
}

async function asOwner<T>(work: (client: pg.Client) => Promise<T>, url = postgres.url): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const versionOf = (schema: string) =>
  asOwner(async (client) => (await client.query(`SELECT version FROM ${schema}.schema_version`)).rows);

const lease = (owner: string) => ({ owner, now: Date.now(), leaseMs: 60_000, take: false });

async function acceptOne(store: RunStore): Promise<string> {
  const event = { id: randomUUID(), workflow: "w", group: "g", input: {}, ownToken: false };
  return (await store.accept(event, lease("x"))).run;
}

/** Claims the one run that is due, and ends it well. */
async function carryOut(store: RunStore): Promise<string> {
  const [claim] = await store.claim({ ...lease("x"), limit: 1 });
  assert.ok(claim, "a run is due");
  const now = Date.now();
  const attempt = { number: claim.attempt, startedAt: now, endedAt: now, outcome: "success" } as const;
  const nothing = { reason: undefined, kind: undefined, githubRequestId: undefined };
  const run = await store.settle(
    claim,
    { ...attempt, ...nothing },
    { status: "success", outputs: {}, dedupeKey: undefined },
  );
  assert.equal(run?.status, "success");
  return claim.run.id;
}

describe("replicas that start at once", () => {
  it("all come up on an empty database, and carry out each step once", async (t) => {
    const schema = postgres.schema();
    const stores = await Promise.all([1, 2, 3].map(() => open(t, schema, NEXT)));
    for (const store of stores) await store.check();
    assert.deepEqual(await versionOf(schema), [{ version: NEXT.length }]);
  });

  it("all come up on the schema of an older version, and carry out each step once", async (t) => {
    const schema = postgres.schema();
    const old = await open(t, schema);
    const waiting = await acceptOne(old);
    const stores = await Promise.all([1, 2, 3].map(() => open(t, schema, NEXT)));
    assert.deepEqual(await versionOf(schema), [{ version: NEXT.length }]);
    assert.equal(await carryOut(stores[2] as RunStore), waiting);
  });

  it("do not disturb deployments of other schemas", async (t) => {
    const schemas = [postgres.schema(), postgres.schema()];
    const stores = await Promise.all(schemas.map((schema) => open(t, schema)));
    const [one] = await Promise.all(stores.map(acceptOne));
    assert.equal(await carryOut(stores[0] as RunStore), one);
    assert.equal((await stores[1]!.list({ status: "queued" }, { limit: 10 })).runs.length, 1);
  });
});

describe("an upgrade that rolls", () => {
  it("lets the old version and the new one work side by side, and the old one start again", async (t) => {
    const schema = postgres.schema();
    const old = await open(t, schema);
    const before = await acceptOne(old);
    const next = await open(t, schema, NEXT);
    assert.equal(await carryOut(next), before, "what the old one accepted is carried out by the new one");
    const after = await acceptOne(next);
    assert.equal(await carryOut(old), after, "and the other way round");
    const restarted = await open(t, schema);
    const last = await acceptOne(restarted);
    assert.equal(await carryOut(restarted), last);
    assert.deepEqual(await versionOf(schema), [{ version: NEXT.length }]);
  });

  it("goes on when the new version has brought the queue's own schema further", async (t) => {
    const schema = postgres.schema();
    await migratePostgres({ url: postgres.url, schema, onError: () => {} });
    await asOwner((client) => client.query(`UPDATE ${schema}_jobs.version SET version = version + 1`));
    const store = await open(t, schema);
    const run = await acceptOne(store);
    assert.equal(await carryOut(store), run);
  });

  it("refuses a program that is too old for the schema, and says what to do", async (t) => {
    const schema = postgres.schema();
    const last = { worksSince: NEXT.length, sql: () => "SELECT 1" };
    await migratePostgres({ url: postgres.url, schema, onError: () => {}, migrations: [...MIGRATIONS, last] });
    await assert.rejects(
      () => open(t, schema),
      new RegExp(
        `^Error: Cannot use the schema ${schema} in PostgreSQL: a newer gh-runner .*Start a newer version, or`,
      ),
    );
  });

  it("gives way to whoever uses a table, so that those who come after do not wait, and keeps trying", async (t) => {
    const schema = postgres.schema();
    const old = await open(t, schema);
    await acceptOne(old);
    await asOwner(async (reader) => {
      await reader.query("BEGIN");
      await reader.query(`SELECT count(*) FROM ${schema}.runs`);
      const upgraded = open(t, schema, NEXT);
      const waits = async () =>
        (await asOwner((client) => client.query("SELECT 1 FROM pg_locks WHERE NOT granted AND relation IS NOT NULL")))
          .rows.length > 0;
      for (let tries = 0; !(await waits()); tries++) assert.ok(tries < 1000, "the step waits for the table");
      // Answered within the store's own patience, though the reader is still there.
      await acceptOne(old);
      await reader.query("COMMIT");
      await upgraded;
    });
    assert.deepEqual(await versionOf(schema), [{ version: NEXT.length }]);
  });

  it("keeps nothing of a step that fails", async (t) => {
    const schema = postgres.schema();
    await migratePostgres({ url: postgres.url, schema, onError: () => {} });
    const broken = { worksSince: 1, sql: ({ own }: { own: string }) => `CREATE TABLE ${own}.a (); SELECT 1 / 0` };
    await assert.rejects(
      () => open(t, schema, [...MIGRATIONS, broken]),
      /Cannot bring the schemas .* up to date: division by zero\. Nothing of that step was kept/,
    );
    await open(t, schema, NEXT);
  });
});

describe("gh-runner migrate", () => {
  it("says what it did, and then that there is nothing to do", async (t) => {
    const schema = postgres.schema();
    const settings = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: schema, DATA_DIR: temporaryFolder(t) };
    const first = await command(["migrate"], settings);
    assert.equal(first.code, 0, first.stderr);
    const count = MIGRATIONS.length === 1 ? "1 step" : `${MIGRATIONS.length} steps`;
    assert.equal(
      first.stdout,
      `Brought the schema ${schema} from version 0 to ${MIGRATIONS.length}, in ${count}.\n` +
        `Brought the schema ${schema}_jobs, the queue, up to date.\n`,
    );
    const second = await command(["migrate"], settings);
    assert.deepEqual([second.code, second.stderr], [0, ""]);
    assert.match(second.stdout, /^Nothing to do: the schemas \S+ \(version \d+\) and \S+_jobs are up to date\.\n$/);
  });

  it("needs DATABASE_URL", async (t) => {
    const { code, stdout, stderr } = await command(["migrate"], { DATA_DIR: temporaryFolder(t) });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^Cannot migrate: DATABASE_URL is not set\. .*\n$/);
  });
});

describe("a role of least privilege, as docs/scaling.md makes it", () => {
  /** The document's statements with a role, schemas and a password of this test. */
  async function grantAsDocumented(schema: string, role: string): Promise<void> {
    const { text } = documentOf("docs/scaling.md");
    const section = text.split("## Least privilege")[1]?.split("\n## ")[0] ?? "";
    const statements = [...section.matchAll(/^```sql\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);
    assert.equal(statements.length, 1);
    const named = statements[0]!
      .replaceAll("gh_runner_service", role)
      .replaceAll(/\bgh_runner(_jobs)?\b/g, `${schema}$1`)
      .replaceAll("DATABASE gh", "DATABASE postgres");
    await asOwner((client) => client.query(named));
  }

  it("starts the service and works, once the owner has migrated", async (t) => {
    const schema = postgres.schema();
    const role = `role_${schema}`;
    await migratePostgres({ url: postgres.url, schema, onError: () => {} });
    await grantAsDocumented(schema, role);
    t.after(() => asOwner((client) => client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)));
    const url = Object.assign(new URL(postgres.url), { username: role, password: "change-me" }).href;
    await asOwner(
      (client) => assert.rejects(() => client.query(`CREATE TABLE ${schema}.mine ()`), /permission denied/),
      url,
    );

    const settings = { DATABASE_URL: url, DATABASE_SCHEMA: schema, RETAIN_DAYS: "1", GITHUB_LIMITS: "on" };
    const service = await startService(t, { settings });
    deploy(service.github, "pr-1", "abc");
    const answer = await notify(service.url, { application: "pr-1" });
    assert.deepEqual([answer.status, answer.json.commitHash], [200, "abc"]);
    service.github.fault({}, { kind: "status", status: 502 });
    assert.equal((await notify(service.url, { application: "pr-2" })).status, 500);
    assert.equal((await notify(service.url, { application: "pr-2" })).status, 500);
    assert.equal((await notify(service.url, { app: 1 })).status, 400);
  });

  it("is told what to do when nothing was migrated, in one message", async (t) => {
    const schema = postgres.schema();
    const role = `role_${schema}`;
    await asOwner((client) => client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'change-me'`));
    t.after(() => asOwner((client) => client.query(`DROP ROLE ${role}`)));
    const url = Object.assign(new URL(postgres.url), { username: role, password: "change-me" }).href;
    const settings = { DATABASE_URL: url, DATABASE_SCHEMA: schema, DATA_DIR: temporaryFolder(t), PORT: "0" };
    const told =
      /^Cannot bring the schemas \S+ and \S+_jobs in PostgreSQL up to date: permission denied .*Run gh-runner migrate with a role that may, and grant .*docs\/scaling\.md.*\n$/;
    const served = await command(["serve"], settings);
    assert.equal(served.code, 1);
    assert.match(served.stderr, told);

    await migratePostgres({ url: postgres.url, schema, onError: () => {} });
    const ungranted = await command(["serve"], settings);
    assert.equal(ungranted.code, 1);
    assert.match(ungranted.stderr, told);
  });
});
