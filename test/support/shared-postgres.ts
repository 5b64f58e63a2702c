import { type StartedPostgres, startPostgres } from "./postgres.ts";

/**
 * One PostgreSQL for all files of a test run, unless TEST_DATABASE_URL names another. Each file is a process, and gets the
 * variable; each test has a schema. Only tests that stop or break a server start one of their own.
 */
let server: StartedPostgres | undefined;

export async function globalSetup(): Promise<void> {
  if (process.env.TEST_DATABASE_URL) return;
  // As many connections as the files that run at the same time may want.
  server = await startPostgres({ flags: ["-c", "max_connections=300"] });
  process.env.TEST_DATABASE_URL = server.url;
}

export async function globalTeardown(): Promise<void> {
  await server?.stop();
}
