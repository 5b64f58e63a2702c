import { setTimeout as wait } from "node:timers/promises";
import { type Connecting, connect, type Database, type Sql } from "./connect.ts";
import { MIGRATIONS, type Migration } from "./migrations.ts";
import { lockKey, type Names } from "./names.ts";
import { codeOf } from "./start-error.ts";

export type Migrating = Connecting & {
  /** Gets errors that happen in the background, such as a lost connection. */
  readonly onError: (error: Error) => void;
  /** This version's migrations, unless a test uses other ones. */
  readonly migrations?: readonly Migration[];
};

/** The schema's versions, before and after. */
export type Migrated = { readonly from: number; readonly to: number };

/**
 * Upgrades the schema. Several processes may do so at the same time, while processes of the previous version continue.
 * @param database checks first, so that a start without an upgrade is cheap.
 * @throws Error that begins with "Cannot" and says what to do.
 */
export async function migrate(database: Database, names: Names, options: Migrating): Promise<Migrated> {
  const { onError, migrations = MIGRATIONS } = options;
  try {
    const { version, worksSince } = await versionOf(database.sql, names);
    if (worksSince > migrations.length) throw tooNew(names, { version, worksSince, known: migrations.length });
    if (version >= migrations.length) return { from: version, to: version };
    // A step may take long, and so may waiting for another process that upgrades.
    const patient = connect({ ...options, patient: true }, onError);
    try {
      return await alone(patient, names, () => bringUpToDate(patient, names, migrations));
    } finally {
      await patient.close();
    }
  } catch (error) {
    throw explained(names, error);
  }
}

/** @throws Error that says what to do, unless this program works with the schema. */
export async function requireUsable(sql: Sql, names: Names): Promise<void> {
  const known = MIGRATIONS.length;
  const { version, worksSince } = await versionOf(sql, names).catch((error) => {
    throw explained(names, error);
  });
  if (worksSince > known) throw tooNew(names, { version, worksSince, known });
  if (version >= known) return;
  const what = version === 0 ? "it does not exist" : `it has version ${version}, but this gh-runner needs ${known}`;
  throw new Error(
    `Cannot use the schema ${names.schema} in PostgreSQL: ${what}. Correct DATABASE_URL or DATABASE_SCHEMA, or run gh-runner migrate.`,
  );
}

/** One of several processes upgrades, and the others find it done. The lock ends with the connection. */
function alone<T>(database: Database, { schema }: Names, work: () => Promise<T>): Promise<T> {
  return database.transaction(async (sql) => {
    await sql("SELECT pg_advisory_xact_lock($1)", [lockKey(`migrate ${schema}`)]);
    return work();
  });
}

async function bringUpToDate(database: Database, names: Names, migrations: readonly Migration[]): Promise<Migrated> {
  const { version: from } = await versionOf(database.sql, names);
  if (from === 0) {
    const create = !(await hasSchema(database.sql, names.schema));
    await database.transaction(async (sql) => {
      // A role that may fill an existing schema need not have the right to create one.
      if (create) await sql(`CREATE SCHEMA ${names.schema}`);
      await sql(`CREATE TABLE ${names.schema}.schema_version (version integer NOT NULL, works_since integer NOT NULL)`);
      await sql(`INSERT INTO ${names.schema}.schema_version VALUES (0, 0)`);
      for (const step of migrations) await carryOut(sql, names, step);
    });
  } else for (const step of migrations.slice(from)) await carryOutBesideOthers(database, names, step);
  return { from, to: Math.max(from, migrations.length) };
}

async function carryOut(sql: Sql, names: Names, { sql: text, worksSince }: Migration): Promise<void> {
  await sql(text(names));
  await sql(
    `UPDATE ${names.schema}.schema_version SET version = version + 1, works_since = greatest(works_since, $1)`,
    [worksSince],
  );
}

const LOCK_NOT_AVAILABLE = "55P03";

/**
 * While a step waits for a table, all later statements wait behind it. So it gives up after this time, and tries again.
 */
const LOCK_TIMEOUT_MS = 1000;
const PAUSE_MS = 500;
const MOST_TRIES = 60;

async function carryOutBesideOthers(database: Database, names: Names, step: Migration): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await database.transaction(async (sql) => {
        await sql(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
        await carryOut(sql, names, step);
      });
    } catch (error) {
      if (codeOf(error) !== LOCK_NOT_AVAILABLE || tries === MOST_TRIES) throw error;
      await wait(PAUSE_MS);
    }
  }
}

async function hasSchema(sql: Sql, name: string): Promise<boolean> {
  return (await sql("SELECT 1 FROM pg_namespace WHERE nspname = $1", [name])).length > 0;
}

async function versionOf(sql: Sql, { schema }: Names): Promise<{ version: number; worksSince: number }> {
  // to_regclass would fail for a role without access to the schema.
  const there = await sql(
    "SELECT 1 FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = $1 AND relname = 'schema_version'",
    [schema],
  );
  if (there.length === 0) return { version: 0, worksSince: 0 };
  const [row] = await sql(`SELECT version, works_since FROM ${schema}.schema_version`);
  return { version: row?.version as number, worksSince: row?.works_since as number };
}

function tooNew({ schema }: Names, at: { version: number; worksSince: number; known: number }): Error {
  return new Error(
    `Cannot use the schema ${schema} in PostgreSQL: a newer gh-runner upgraded it to version ${at.version}. That needs a ` +
      `gh-runner that knows version ${at.worksSince} or later, and this one knows ${at.known}. Start a newer ` +
      "version, or restore a backup made before the upgrade (docs/scaling.md).",
  );
}

const INSUFFICIENT_PRIVILEGE = "42501";

function explained({ schema }: Names, error: unknown): unknown {
  const code = codeOf(error);
  // Classes 22, 23 and 42: the step itself failed.
  if (!/^(22|23|42)/.test(code)) return error;
  const remedy =
    code === INSUFFICIENT_PRIVILEGE
      ? "Run gh-runner migrate with a role that has this privilege, and grant this role what docs/scaling.md lists under Least privilege."
      : "That step was undone. Fix the cause, and run gh-runner migrate.";
  return new Error(`Cannot upgrade the schema ${schema} in PostgreSQL: ${databaseMessage(error)}. ${remedy}`, {
    cause: error,
  });
}

function databaseMessage(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
