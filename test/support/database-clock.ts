import { ask } from "./postgres-history.ts";

export type DatabaseClock = {
  /** What a store is opened with, so that it takes this time for the database's. */
  readonly databaseNow: string;
  now(): number;
  setTime(now: number): Promise<void>;
};

/** The clock of a database, for the stores of a test, as it says: epoch milliseconds. */
export async function databaseClock(url: string, schema: string, start: number): Promise<DatabaseClock> {
  const table = `public.clock_of_${schema}`;
  await ask(url, `CREATE TABLE ${table} AS SELECT ${start}::bigint AS now`);
  let time = start;
  return {
    databaseNow: `(SELECT clock.now FROM ${table} AS clock)`,
    now: () => time,
    async setTime(now) {
      time = now;
      await ask(url, `UPDATE ${table} SET now = ${now}`);
    },
  };
}
