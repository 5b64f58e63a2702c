import { type Database, isMistake } from "./connect.ts";
import { jobsAreMigrated, migrateJobs } from "./jobs.ts";
import { MIGRATIONS, type Migration } from "./migrations.ts";
import { lockKey, type Names } from "./names.ts";

export type MigrateNeeds = {
  readonly database: Database;
  readonly names: Names;
  readonly onError: (error: Error) => void;
  /** Those of this version, unless a test is another version. */
  readonly migrations?: readonly Migration[];
};

/**
 * Brings the schema up to date; several processes may do so at once. Resolves with how many steps it took.
 * @throws Error whose message begins with "Cannot" and says what to do.
 */
export async function migrate(needs: MigrateNeeds): Promise<number> {
  const { database, names, migrations = MIGRATIONS } = needs;
  const { version, worksSince } = await versionOf(database, names);
  if (worksSince > migrations.length) {
    throw new Error(
      `Cannot use the schema ${names.own} in PostgreSQL: it was brought to version ${version} by a newer gh-runner, and ` +
        `this one knows ${migrations.length}. Start that version or a newer one.`,
    );
  }
  const hasJobs = await jobsAreMigrated(needs);
  if (version >= migrations.length && hasJobs) return 0;
  try {
    // pg-boss takes a lock of its own.
    if (!hasJobs) await migrateJobs(needs);
    return await database.transaction(async (sql) => {
      await sql("SELECT pg_advisory_xact_lock($1)", [lockKey(`migrate ${names.own}`)]);
      const { version: from } = await versionOf({ ...database, sql }, names);
      if (from === 0) {
        await sql(`CREATE SCHEMA IF NOT EXISTS ${names.own}`);
        await sql(`CREATE TABLE ${names.own}.schema_version (version integer NOT NULL, works_since integer NOT NULL)`);
        await sql(`INSERT INTO ${names.own}.schema_version VALUES (0, 0)`);
      }
      for (const { sql: text, worksSince: since } of migrations.slice(from)) {
        await sql(text(names));
        await sql(`UPDATE ${names.own}.schema_version SET version = version + 1, works_since = $1`, [since]);
      }
      return Math.max(0, migrations.length - from);
    });
  } catch (cause) {
    throw refused(names, cause);
  }
}

async function versionOf(
  { sql }: Pick<Database, "sql">,
  { own }: Names,
): Promise<{ version: number; worksSince: number }> {
  const [there] = await sql("SELECT to_regclass($1) AS found", [`${own}.schema_version`]);
  if (!there?.found) return { version: 0, worksSince: 0 };
  const [row] = await sql(`SELECT version, works_since FROM ${own}.schema_version`);
  return { version: row?.version as number, worksSince: row?.works_since as number };
}

const INSUFFICIENT_PRIVILEGE = "42501";

function refused({ own, jobs }: Names, cause: unknown): unknown {
  const code = (cause as { code?: string }).code ?? ((cause as Error).cause as { code?: string })?.code;
  if (code !== INSUFFICIENT_PRIVILEGE && !isMistake(cause)) return cause;
  return new Error(
    `Cannot bring the schemas ${own} and ${jobs} in PostgreSQL up to date: ${(cause as Error).message}. Run ` +
      "`gh-runner migrate` once with a role that may create them (docs/scaling.md).",
    { cause },
  );
}
