import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import pg from "pg";
import type { Claim } from "../src/model/claim.ts";
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

/** A later version of the program. It adds a column that this version does not need. */
const NEXT: readonly Migration[] = [
  ...MIGRATIONS,
  {
    worksSince: MIGRATIONS.length,
    sql: ({ schema }) => `ALTER TABLE ${schema}.runs ADD COLUMN note text; CREATE TABLE ${schema}.notes (text text)`,
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

async function acceptOne(store: RunStore, title?: string): Promise<string> {
  const event = { id: randomUUID(), workflow: "w", group: "g", title, input: {}, ownToken: false };
  return (await store.accept(event, lease("x"))).run;
}

/** Claims the only due run, and ends it with success. */
async function carryOut(store: RunStore): Promise<string> {
  const [claim] = await store.claim({ ...lease("x"), limit: 1 });
  assert.ok(claim, "a run is due");
  return carryOutClaim(store, claim);
}

/** Ends everything that is due, and what becomes due after that. */
async function carryOutAll(store: RunStore): Promise<void> {
  for (;;) {
    const claims = await store.claim({ ...lease("x"), limit: 10 });
    if (claims.length === 0) return;
    for (const claim of claims) await carryOutClaim(store, claim);
  }
}

async function carryOutClaim(store: RunStore, claim: Claim): Promise<string> {
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

describe("replicas that start at the same time", () => {
  it("all start on an empty database, and execute each step once", async (t) => {
    const schema = postgres.schema();
    const stores = await Promise.all([1, 2, 3].map(() => open(t, schema, NEXT)));
    for (const store of stores) await store.check();
    assert.deepEqual(await versionOf(schema), [{ version: NEXT.length }]);
  });

  it("all start on the schema of an older version, and execute each step once", async (t) => {
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
    const [one] = await Promise.all(stores.map((store) => acceptOne(store)));
    assert.equal(await carryOut(stores[0] as RunStore), one);
    assert.equal((await stores[1]!.list({ status: "queued" }, { limit: 10 })).runs.length, 1);
  });
});

describe("a rolling upgrade", () => {
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

  it("executes runs stored by a replica of schema version 6, which writes no titles", async (t) => {
    const schema = postgres.schema();
    const store = await open(t, schema);
    const titled = await acceptOne(store, "A title");
    assert.equal(await carryOut(store), titled);
    const id = randomUUID();
    await asOwner(async (client) => {
      const { rows } = await client.query(
        `SELECT column_name AS name FROM information_schema.columns WHERE table_schema = $1 AND table_name = 'runs'
         AND column_name NOT IN ('seq', 'title')`,
        [schema],
      );
      const columns = rows.map(({ name }) => name).join(", ");
      const values = rows.map(({ name }) =>
        name === "id" ? `'${id}'` : name === "status" ? "'queued'" : /^(ended_at|outputs)$/.test(name) ? "NULL" : name,
      );
      await client.query(`INSERT INTO ${schema}.runs (${columns}) SELECT ${values.join(", ")} FROM ${schema}.runs`);
      await client.query(`UPDATE ${schema}.runs SET due_at = 0 WHERE id = $1`, [id]);
    });
    assert.equal(await carryOut(store), id);
    const { runs } = await store.list({}, { limit: 10 });
    assert.deepEqual(
      runs.map(({ title }) => title),
      [undefined, "A title"],
    );
  });

  it("lets replicas of both versions poll GitHub one after the other", async (t) => {
    const schema = postgres.schema();
    const old = await open(t, schema);
    const before = await acceptOne(old);
    const next = await open(t, schema);
    assert.equal(await next.turn("watch acme/shop", 60_000), true);
    await next.setMark("deliveries", "a");
    assert.equal(await carryOut(old), before);
    const waiting = await acceptOne(old);
    const [claim] = await old.claim({ ...lease("x"), limit: 1 });
    const now = Date.now();
    const nothing = { reason: undefined, kind: undefined, githubRequestId: undefined };
    const attempt = { number: 1, startedAt: now, endedAt: now, outcome: "waiting", ...nothing } as const;
    const wait = { name: "tests", kind: "sleep", attempt: 1, startedAt: now, until: { inMs: 60_000 } } as const;
    const wakeKeys = ["workflow_run acme/shop 7"];
    await old.settle(claim!, attempt, { status: "waiting", reason: "waits", wakeKeys, waits: [wait] });
    assert.deepEqual(
      (await next.watched()).map(({ run }) => run),
      [waiting],
    );
    assert.equal(await next.wake(wakeKeys), 1);
    assert.equal(await carryOut(old), waiting);
  });

  it("does not disturb an old version in the middle of its work, whose statements are already planned", async (t) => {
    const schema = postgres.schema();
    const old = await open(t, schema);
    const work = async () => {
      const run = await acceptOne(old);
      assert.equal(await carryOut(old), run);
      // On several connections.
      const found = await Promise.all(Array.from({ length: 10 }, () => old.get(run)));
      assert.deepEqual(
        found.map((detail) => detail?.run.status),
        Array.from({ length: 10 }, () => "success"),
      );
    };
    for (let times = 0; times < 3; times++) await work();
    await open(t, schema, NEXT);
    for (let times = 0; times < 3; times++) await work();
  });

  it("ends only connections of the version that does not plan its statements again", async (t) => {
    const schema = postgres.schema();
    const before = MIGRATIONS.slice(0, 4);
    await migratePostgres({ url: postgres.url, schema, onError: () => {}, migrations: before });
    const names = ["gh-runner", "gh-runner service", "psql"];
    const clients = names.map(
      (application_name) => new pg.Client({ connectionString: postgres.url, application_name }),
    );
    const lost: string[] = [];
    for (const [at, client] of clients.entries()) {
      client.on("error", () => lost.push(names[at] ?? ""));
      await client.connect();
    }
    t.after(() => Promise.all(clients.map((client) => client.end().catch(() => {}))));
    await migratePostgres({ url: postgres.url, schema: postgres.schema(), onError: () => {} });
    await Promise.all(clients.map((client) => client.query("SELECT 1")));
    assert.deepEqual(lost, [], "a schema that is new disturbs no other");
    await open(t, schema);
    await Promise.all(clients.map((client) => client.query("SELECT 1").catch(() => {})));
    assert.deepEqual([...new Set(lost)], ["gh-runner"]);
  });

  it("rejects a program that is too old for the schema, and says what to do", async (t) => {
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

  it("waits for a table in short tries, so that other statements on it are not blocked", async (t) => {
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
      // The store answers within its timeout, even if the reader is still there.
      await acceptOne(old);
      await reader.query("COMMIT");
      await upgraded;
    });
    assert.deepEqual(await versionOf(schema), [{ version: NEXT.length }]);
  });

  it("rolls back a step that fails", async (t) => {
    const schema = postgres.schema();
    await migratePostgres({ url: postgres.url, schema, onError: () => {} });
    const broken = {
      worksSince: 1,
      sql: ({ schema }: { schema: string }) => `CREATE TABLE ${schema}.a (); SELECT 1 / 0`,
    };
    await assert.rejects(
      () => open(t, schema, [...MIGRATIONS, broken]),
      /Cannot upgrade the schema .* in PostgreSQL: division by zero\. That step was undone/,
    );
    await open(t, schema, NEXT);
  });
});

describe("a database of version 3, whose replicas claim jobs of pg-boss", () => {
  /** The database of the fixture, and the statements that replicas of that version send. */
  async function versionThree(t: TestContext) {
    const schema = postgres.schema();
    await migratePostgres({ url: postgres.url, schema, onError: () => {}, migrations: MIGRATIONS.slice(0, 3) });
    const rows = readFileSync(new URL("fixtures/postgres-version-3.sql", import.meta.url), "utf8");
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    t.after(() => client.end());
    await client.query(rows.replaceAll("gh_runner", schema));
    const sql = async (text: string, values: unknown[] = []) => (await client.query(text, values)).rows;
    const add = (id: string, slot: string) =>
      sql(
        `INSERT INTO ${schema}_jobs.job (name, id, singleton_key, policy, retry_limit, priority)
         VALUES ('runs', $1, $2, 'stately', 0, -1) ON CONFLICT DO NOTHING RETURNING id`,
        [id, createHash("sha256").update(slot).digest("base64url")],
      );
    const drop = (id: string) => sql(`DELETE FROM ${schema}_jobs.job WHERE name = 'runs' AND id = $1`, [id]);
    const lock = (slot: string) => {
      const key = createHash("sha256").update(slot).digest().readBigInt64BE(0).toString();
      return sql("SELECT pg_advisory_xact_lock($1)", [key]);
    };
    return {
      schema,
      sql,
      jobs: async () =>
        (await sql(`SELECT id FROM ${schema}_jobs.job WHERE state = 'created' ORDER BY id`)).map(({ id }) => id),
      queued: async () =>
        (await sql(`SELECT id FROM ${schema}.runs WHERE status = 'queued' ORDER BY id`)).map(({ id }) => id),
      async accept(group: string): Promise<string> {
        const [id, slot] = [randomUUID(), `w\n${group}`];
        await sql("BEGIN");
        await lock(slot);
        await sql(
          `INSERT INTO ${schema}.runs (id, workflow, grp, slot, input, own_token, status, accepted_at, retries_from, due_at)
           VALUES ($1, 'w', $2, $3, '{}', 0, 'queued', 0, 0, 0)`,
          [id, group, slot],
        );
        assert.equal((await add(id, slot)).length, 1, "the queue takes its job");
        await sql("COMMIT");
        return id;
      },
      /** Begins to claim what is due. From here on the jobs are locked. */
      async take(): Promise<string[]> {
        await sql("BEGIN");
        const taken = await sql(
          `WITH due AS MATERIALIZED (
             SELECT due.id FROM ${schema}.runs AS due
             JOIN ${schema}_jobs.job ON job.name = 'runs' AND job.id = due.id AND job.state = 'created'
             WHERE due.status = 'queued' AND NOT EXISTS (SELECT 1 FROM ${schema}.runs AS other
               WHERE other.status = 'running' AND md5(other.slot) = md5(due.slot))
             ORDER BY due.due_at, due.seq FOR UPDATE OF job SKIP LOCKED)
           UPDATE ${schema}_jobs.job SET state = 'active', started_on = now() FROM due
           WHERE job.name = 'runs' AND job.id = due.id RETURNING job.id`,
        );
        return taken.map(({ id }) => id);
      },
      async begin(ids: readonly string[]): Promise<string[]> {
        const begun = await sql(
          `UPDATE ${schema}.runs SET status = 'running', attempts = attempts + 1, owner = 'old', started_at = 0,
             lease_until = (extract(epoch FROM now()) * 1000)::bigint + 60000
           WHERE id = ANY ($1::uuid[]) AND status = 'queued' RETURNING id`,
          [ids],
        );
        const running = begun.map(({ id }) => id);
        for (const id of ids) if (!running.includes(id)) await drop(id);
        await sql("COMMIT");
        return running;
      },
      /** Puts a run back into the queue after a failed attempt. */
      async retry(id: string, group: string): Promise<void> {
        await sql("BEGIN");
        await lock(`w\n${group}`);
        await sql(`UPDATE ${schema}.runs SET status = 'queued', owner = NULL, lease_until = NULL WHERE id = $1`, [id]);
        await drop(id);
        assert.equal((await add(id, `w\n${group}`)).length, 1, "the queue takes its job");
        await sql("COMMIT");
      },
    };
  }

  /** Opened without waiting for replicas that had trouble with the database. */
  async function upgraded(t: TestContext, schema: string, url = postgres.url): Promise<RunStore> {
    const databaseNow = "floor(extract(epoch FROM now()) * 1000)::bigint";
    const store = await openPostgresStore({
      url,
      schema,
      clock: systemClock,
      onError: () => {},
      databaseNow,
    });
    t.after(() => store.close());
    return store;
  }

  it("keeps all runs; each queued one ends once, and running ones are interrupted", async (t) => {
    const { schema, sql, jobs } = await versionThree(t);
    const count = async () =>
      sql(`SELECT status, count(*)::integer FROM ${schema}.runs GROUP BY status ORDER BY status`);
    const before = await count();
    const stores = await Promise.all([1, 2].map(() => upgraded(t, schema)));
    assert.deepEqual(await versionOf(schema), [{ version: MIGRATIONS.length }]);
    assert.deepEqual(await count(), before);
    const ended: string[] = [];
    for (let round = 0; round < 20; round++) {
      const claims = await Promise.all(stores.map((store, at) => store.claim({ ...lease(`${at}`), limit: 1 })));
      for (const [at, [claim]] of claims.entries()) {
        if (claim) ended.push(await carryOutClaim(stores[at] as RunStore, claim));
      }
    }
    const expected = await sql(`SELECT id FROM ${schema}.runs WHERE status = 'success' AND seq > 2 ORDER BY id`);
    assert.deepEqual(
      ended.toSorted(),
      expected.map(({ id }) => id),
    );
    assert.deepEqual(await count(), [
      { status: "failure", count: 1 },
      { status: "success", count: 7 },
      { status: "superseded", count: 2 },
    ]);
    assert.deepEqual(await jobs(), []);
    const outcomes = await sql(`SELECT outcome FROM ${schema}.attempts WHERE run = 10 ORDER BY number`);
    assert.deepEqual(
      outcomes.map(({ outcome }) => outcome),
      ["interrupted", "success"],
    );
  });

  it("supports a rolling upgrade: each version claims runs that the other queued, and nothing twice", async (t) => {
    const old = await versionThree(t);
    const store = await upgraded(t, old.schema);
    await carryOutAll(store);
    const byOld = await old.accept("a");
    const [claim] = await store.claim({ ...lease("new"), limit: 9 });
    assert.equal(claim?.run.id, byOld, "the new one claims what the old one has accepted");
    assert.deepEqual(await old.begin(await old.take()), [], "which has then nothing to claim");
    await carryOutClaim(store, claim as Claim);

    const byNew = await acceptOne(store);
    assert.deepEqual(await old.jobs(), [byNew]);
    assert.deepEqual(await old.begin(await old.take()), [byNew], "the old one claims what the new one has accepted");
    assert.deepEqual(await store.claim({ ...lease("new"), limit: 9 }), []);
    await old.retry(byNew, "g");
    const newer = { id: randomUUID(), workflow: "w", group: "g", input: { newer: true }, ownToken: false };
    assert.equal((await store.accept(newer, lease("new"))).superseded, byNew);
    assert.deepEqual(await old.jobs(), [newer.id], "what was superseded is not in the old one's queue any more");
    assert.deepEqual(await old.queued(), [newer.id]);
    assert.equal(await carryOut(store), newer.id);
    assert.deepEqual(await old.jobs(), []);
  });

  it("gives a run to only one of two replicas of different versions", async (t) => {
    const old = await versionThree(t);
    const store = await upgraded(t, old.schema);
    await carryOutAll(store);
    const run = await acceptOne(store);
    const taken = await old.take();
    assert.deepEqual(
      await store.claim({ ...lease("new"), limit: 9 }),
      [],
      "the old one was first, and is not waited for",
    );
    assert.deepEqual(await old.begin(taken), [run]);
    assert.deepEqual(await store.claim({ ...lease("new"), limit: 9 }), []);
  });

  it("lets a new replica take over a run of an old one, and an old one claim it after that", async (t) => {
    const old = await versionThree(t);
    const store = await upgraded(t, old.schema);
    await carryOutAll(store);
    const run = await acceptOne(store);
    assert.deepEqual(await old.begin(await old.take()), [run]);
    await old.sql(`UPDATE ${old.schema}.runs SET lease_until = 0 WHERE id = $1`, [run]);
    const [claim] = await store.claim({ ...lease("new"), limit: 9 });
    assert.deepEqual([claim?.run.id, claim?.attempt], [run, 2]);
    const now = Date.now();
    const nothing = { reason: undefined, http: undefined, kind: undefined, githubRequestId: undefined };
    await store.settle(
      claim as Claim,
      { number: 2, startedAt: now, endedAt: now, outcome: "stopped", ...nothing },
      { status: "queued", dueAt: now, counts: false, ...nothing },
    );
    assert.deepEqual(await old.begin(await old.take()), [run]);
  });

  it("needs no rights of the service's role on the schema of pg-boss", async (t) => {
    const old = await versionThree(t);
    const role = `role_${old.schema}`;
    await migratePostgres({ url: postgres.url, schema: old.schema, onError: () => {} });
    await old.sql(`CREATE ROLE ${role} LOGIN PASSWORD 'change-me'; GRANT USAGE ON SCHEMA ${old.schema} TO ${role};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${old.schema} TO ${role};
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${old.schema} TO ${role}`);
    t.after(() => asOwner((client) => client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)));
    const url = Object.assign(new URL(postgres.url), { username: role, password: "change-me" }).href;
    const store = await upgraded(t, old.schema, url);
    await carryOutAll(store);
    const run = await acceptOne(store);
    assert.deepEqual(await old.jobs(), [run]);
    assert.equal(await carryOut(store), run);
  });

  it("rejects the previous version on a database that this version created: it would miss runs", async () => {
    const schema = postgres.schema();
    await migratePostgres({ url: postgres.url, schema, onError: () => {} });
    await assert.rejects(
      () => migratePostgres({ url: postgres.url, schema, onError: () => {}, migrations: MIGRATIONS.slice(0, 3) }),
      new RegExp(`a newer gh-runner upgraded it to version ${MIGRATIONS.length}\\b`),
    );
  });
});

describe("gh-runner migrate", () => {
  it("prints what it did, and the second time that there is nothing to do", async (t) => {
    const schema = postgres.schema();
    const settings = { DATABASE_URL: postgres.url, DATABASE_SCHEMA: schema, DATA_DIR: temporaryFolder(t) };
    const first = await command(["migrate"], settings);
    assert.equal(first.code, 0, first.stderr);
    const count = MIGRATIONS.length === 1 ? "1 step" : `${MIGRATIONS.length} steps`;
    assert.equal(first.stdout, `Updated the schema ${schema} from version 0 to ${MIGRATIONS.length}, in ${count}.\n`);
    const second = await command(["migrate"], settings);
    assert.deepEqual([second.code, second.stderr], [0, ""]);
    assert.match(second.stdout, /^Nothing to do: the schema \S+ \(version \d+\) is up to date\.\n$/);
  });

  it("needs DATABASE_URL", async (t) => {
    const { code, stdout, stderr } = await command(["migrate"], { DATA_DIR: temporaryFolder(t) });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^Cannot migrate: DATABASE_URL is not set\. .*\n$/);
  });
});

describe("a role of least privilege, as docs/scaling.md makes it", () => {
  /** The document's statements, with a role, schemas and a password of this test. */
  async function grantAsDocumented(schema: string, role: string): Promise<void> {
    const { text } = documentOf("docs/scaling.md");
    const section = text.split("## Least privilege")[1]?.split("\n## ")[0] ?? "";
    const statements = [...section.matchAll(/^```sql\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);
    assert.equal(statements.length, 1);
    const named = statements[0]!
      .replaceAll("gh_runner_service", role)
      .replaceAll(/\bgh_runner\b/g, schema)
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

  it("gets one message that says what to do when the schema is not migrated", async (t) => {
    const schema = postgres.schema();
    const role = `role_${schema}`;
    await asOwner((client) => client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'change-me'`));
    t.after(() => asOwner((client) => client.query(`DROP ROLE ${role}`)));
    const url = Object.assign(new URL(postgres.url), { username: role, password: "change-me" }).href;
    const settings = { DATABASE_URL: url, DATABASE_SCHEMA: schema, DATA_DIR: temporaryFolder(t), PORT: "0" };
    const told =
      /^Cannot upgrade the schema \S+ in PostgreSQL: permission denied .*Run gh-runner migrate with a role that has this privilege, and grant .*docs\/scaling\.md.*\n$/;
    const served = await command(["serve"], settings);
    assert.equal(served.code, 1);
    assert.match(served.stderr, told);

    await migratePostgres({ url: postgres.url, schema, onError: () => {} });
    const ungranted = await command(["serve"], settings);
    assert.equal(ungranted.code, 1);
    assert.match(ungranted.stderr, told);
  });
});
