import { ask } from "./postgres-history.ts";

export type DatabaseClock = {
  /** Option of a store: it takes this clock for the database's. */
  readonly databaseNow: string;
  now(): number;
  setTime(now: number): Promise<void>;
};

/** A database clock that a test controls, starting at this time: epoch milliseconds. */
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
