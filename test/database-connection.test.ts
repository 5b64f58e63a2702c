import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chownSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import pg from "pg";
import { privateAuthority } from "../sandbox/certificates.ts";
import { withDatabase } from "../src/store/postgres/start-error.ts";
import { command } from "./support/command.ts";
import { documentOf } from "./support/documents.ts";
import { temporaryFolder } from "./support/folder.ts";
import { type StartedPostgres, startPostgres } from "./support/postgres.ts";
import { deploy, notify, startService } from "./support/service.ts";

const authority = privateAuthority();
let server: StartedPostgres;
let password: string;

before(async () => {
  server = await startPostgres();
  password = new URL(server.url).password;
});
after(() => server?.stop());

/** The address of the server with some parts replaced, as in the environment. */
function address(change: Change): string {
  return Object.assign(new URL(server.url), change).href;
}

type Change = Partial<Record<"hostname" | "port" | "username" | "password" | "pathname" | "search", string>>;

function fileOf(t: TestContext, name: string, text: string): string {
  const file = join(temporaryFolder(t), name);
  writeFileSync(file, text);
  return file;
}

/** Starts the service with these wrong settings, and returns its message. */
async function startError(t: TestContext, settings: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await command(["serve"], { DATA_DIR: temporaryFolder(t), PORT: "0", ...settings });
  assert.equal(code, 1, stdout);
  assert.match(stderr, /^Cannot use PostgreSQL at [^\n]+\n$/, "one message");
  for (const said of [stdout, stderr]) assert.ok(!said.includes(password), "the password is nowhere");
  return stderr;
}

describe("a database that cannot be used", () => {
  it("is named at the start in one message that says what to do, without the password", async (t) => {
    const { port } = server;
    const wrong = randomBytes(8).toString("hex");
    const cases: readonly (readonly [Change, RegExp])[] = [
      [
        { password: wrong },
        /at 127\.0\.0\.1:\d+ as postgres, database postgres: password authentication failed.*\. Correct the password: DATABASE_PASSWORD/,
      ],
      [{ pathname: "/nowhere" }, /database "nowhere" does not exist\. Create the database, or correct/],
      [{ hostname: "nowhere.invalid" }, /nowhere\.invalid.*(ENOTFOUND|EAI_AGAIN).*Correct the host in/],
      [{ port: "1" }, /ECONNREFUSED.*Correct the host and port in DATABASE_URL/],
      [{ username: "unknown" }, /as unknown,.*password authentication failed.*Correct the password/],
      [{ search: "?sslmode=verify-full" }, /does not support SSL.*Turn on TLS at the server/],
    ];
    for (const [change, what] of cases) {
      const said = await startError(t, { DATABASE_URL: address(change) });
      assert.match(said, what);
      assert.ok(!said.includes(wrong));
    }
    // A process that was frozen sees that its time is over before it sees why there is no connection.
    const url = address({ port: "1" });
    const asked = withDatabase({ url, schema: "public" }, (database) => database.sql("SELECT 1"));
    const standsStill = new Int32Array(new SharedArrayBuffer(4));
    Atomics.wait(standsStill, 0, 0, 5100);
    await assert.rejects(asked, /ECONNREFUSED.*Correct the host and port in DATABASE_URL/);

    const exported = await command(["export"], { DATABASE_URL: address({ pathname: "/nowhere" }) });
    assert.match(exported.stderr, new RegExp(`^Cannot use PostgreSQL at 127\\.0\\.0\\.1:${port}.*Create the database`));
  });
});

describe("address and password in files", () => {
  it("are read from there, and a separate password file wins", async (t) => {
    for (const inAddress of ["", "wrong"]) await worksWith(t, address({ password: inAddress }));
  });

  async function worksWith(t: TestContext, url: string): Promise<void> {
    const service = await startService(t, {
      settings: {
        DATABASE_URL_FILE: fileOf(t, "url", `${url}\n`),
        DATABASE_PASSWORD_FILE: fileOf(t, "password", `${password}\n`),
        DATABASE_SCHEMA: "from_files",
      },
    });
    deploy(service.github, "pr-1", "abc");
    assert.equal((await notify(service.url, { application: "pr-1" })).status, 200);
    assert.ok(!service.logLines.join("\n").includes(password));
  }
});

describe("TLS to the database", () => {
  before(async () => {
    const { cert, key } = authority.issue("127.0.0.1");
    const data = join(server.folder, "data");
    const { uid, gid } = statSync(data);
    for (const [name, text] of [
      ["server.crt", cert],
      ["server.key", key],
    ] as const) {
      writeFileSync(join(data, name), text, { mode: 0o600 });
      chownSync(join(data, name), uid, gid);
    }
    await asOwner(async (client) => {
      await client.query("ALTER SYSTEM SET ssl = on");
      await client.query("SELECT pg_reload_conf()");
    });
    // A signal triggers the reload.
    for (let tries = 0; (await asOwner((client) => client.query("SHOW ssl"))).rows[0].ssl !== "on"; tries++) {
      assert.ok(tries < 200, "TLS is on");
    }
  });

  async function asOwner<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  const verified = (file?: string, hostname = "127.0.0.1") =>
    address({ hostname, search: `?sslmode=verify-full${file === undefined ? "" : `&sslrootcert=${file}`}` });

  it("is verified as docs/scaling.md says, on all connections", async (t) => {
    assert.match(documentOf("docs/scaling.md").text, /\?sslmode=verify-full&sslrootcert=/);
    const settings = { DATABASE_URL: verified(fileOf(t, "ca.pem", authority.cert)), DATABASE_SCHEMA: "over_tls" };
    const service = await startService(t, { settings });
    deploy(service.github, "pr-1", "abc");
    assert.equal((await notify(service.url, { application: "pr-1" })).status, 200);
    const { rows } = await asOwner((client) =>
      client.query(
        "SELECT ssl, count(*)::int AS count FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'gh-runner service' GROUP BY ssl",
      ),
    );
    assert.deepEqual(
      rows.map(({ ssl }) => ssl),
      [true],
    );
    assert.ok(rows[0].count >= 2, "the one that listens too");
  });

  it("fails with what to do when the server has the wrong certificate", async (t) => {
    const other = fileOf(t, "other.pem", privateAuthority().cert);
    const trusted =
      /This host does not trust the authority of the server's certificate. Set sslrootcert in DATABASE_URL/;
    const cases: readonly (readonly [string, RegExp])[] = [
      [verified(other), trusted],
      [verified(), trusted],
      [verified(fileOf(t, "ca.pem", authority.cert), "localhost"), /Use a host in DATABASE_URL that the server's cert/],
      [verified("/nowhere/ca.pem"), /ENOENT.*Correct the path of sslrootcert, sslcert or sslkey/],
      [verified(fileOf(t, "empty.pem", "no certificate")), /sslrootcert/],
    ];
    for (const [url, what] of cases) assert.match(await startError(t, { DATABASE_URL: url }), what);
  });
});
