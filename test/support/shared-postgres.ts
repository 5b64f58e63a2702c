import { type StartedPostgres, startPostgres } from "./postgres.ts";

/**
 * One PostgreSQL for all files of a test run, unless TEST_DATABASE_URL names another. Each file is a process, and gets the
 * variable; each test has a schema. Only tests that stop or break a server start a separate one.
 */
let server: StartedPostgres | undefined;

export async function globalSetup(): Promise<void> {
  if (process.env.TEST_DATABASE_URL) return;
  // Enough connections for all files that run at the same time.
  server = await startPostgres({ flags: ["-c", "max_connections=300"] });
  process.env.TEST_DATABASE_URL = server.url;
}

export async function globalTeardown(): Promise<void> {
  await server?.stop();
}
