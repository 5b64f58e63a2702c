import { numberFrom, optional, type Reader, secret, setting } from "./setting.ts";

export const STORE_SETTINGS = {
  dataDir: setting(
    "DATA_DIR",
    "./data",
    "Folder of the database with the waiting runs and the history. Keep it on a disk that outlives the process.",
    (text) => text,
  ),
  databaseUrl: secret(
    "DATABASE_URL",
    "PostgreSQL database to use instead of DATA_DIR, for several replicas: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. For TLS, " +
      "add `?sslmode=verify-full&sslrootcert=FILE` (docs/scaling.md). Unset: SQLite in DATA_DIR.",
    databaseUrl,
    { hidden: passwordsIn, fixed: { of: withoutLogin, what: "host, port, database or parameter" } },
  ),
  databasePassword: secret("DATABASE_PASSWORD", "Password for DATABASE_URL, if the URL has none.", optional),
  databaseSchema: setting(
    "DATABASE_SCHEMA",
    "gh_runner",
    "PostgreSQL schema of the tables. Deployments that share a database need one each.",
    schemaName,
  ),
  retainDays: setting("RETAIN_DAYS", "30", "How long to keep ended runs, in days.", numberFrom(0.01, 3650)),
};

/** Where the queue and the history are stored, and for how long. */
export type StoreConfig = ReturnType<typeof storeConfig>;

export function storeConfig({ values }: Reader) {
  const { databaseUrl: url, databasePassword: password, databaseSchema: schema, ...others } = values(STORE_SETTINGS);
  /** PostgreSQL; undefined means SQLite in `dataDir`. */
  const database = url === undefined ? undefined : { url, password, schema };
  return { ...others, database };
}

/** Errors never repeat the text, because it may hold a password. */
function databaseUrl(text: string): string | undefined {
  if (text === "") return undefined;
  const url = URL.parse(text);
  // A slash or a question mark in a password ends the host too early. An @ behind it shows this.
  const isCut = url !== null && (url.pathname || url.search).includes("@");
  if (!url || !["postgres:", "postgresql:"].includes(url.protocol) || url.hash || isCut) {
    throw new Error(
      "expected an address such as postgres://USER:PASSWORD@HOST:5432/DATABASE, user and password percent-encoded",
    );
  }
  try {
    for (const part of [url.username, url.password, url.pathname]) decodeURIComponent(part);
  } catch {
    throw new Error("user, password and database must be percent-encoded: write a percent sign as %25");
  }
  return text;
}

function passwordsIn(address: string | undefined): readonly string[] {
  const { password, searchParams } = new URL(address ?? "postgres://none");
  return [password, decodeURIComponent(password), searchParams.get("password") ?? ""].filter((text) => text !== "");
}

/** The address without user and password. */
function withoutLogin(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  const url = new URL(address);
  url.username = "";
  url.password = "";
  for (const name of ["user", "password"]) url.searchParams.delete(name);
  return url.href;
}

function schemaName(text: string): string {
  if (!/^[a-z_][a-z0-9_]{0,39}$/.test(text))
    throw new Error(`expected up to 40 lower-case letters, digits and _, got "${text}"`);
  return text;
}
