import { numberFrom, optional, type Reader, secret, setting } from "./setting.ts";

export const STORE_SETTINGS = {
  dataDir: setting(
    "DATA_DIR",
    "./data",
    "Folder of the database that holds waiting runs and history. It must outlive the process.",
    (text) => text,
  ),
  databaseUrl: secret(
    "DATABASE_URL",
    "PostgreSQL instead of the folder, for several replicas: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with TLS " +
      "`?sslmode=verify-full&sslrootcert=FILE` (docs/scaling.md). Unset: SQLite in DATA_DIR.",
    databaseUrl,
    { hidden: passwordsIn, fixed: { of: withoutLogin, what: "host, port, database or parameter" } },
  ),
  databasePassword: secret("DATABASE_PASSWORD", "Password for DATABASE_URL, where it is not in the address.", optional),
  databaseSchema: setting(
    "DATABASE_SCHEMA",
    "gh_runner",
    "Schema of its tables in PostgreSQL. Deployments that share a database have one each.",
    schemaName,
  ),
  retainDays: setting("RETAIN_DAYS", "30", "For how long ended runs are kept, in days.", numberFrom(0.01, 3650)),
};

/** Where queue and history are, and for how long. */
export type StoreConfig = ReturnType<typeof storeConfig>;

export function storeConfig({ values }: Reader) {
  const { databaseUrl: url, databasePassword: password, databaseSchema: schema, ...others } = values(STORE_SETTINGS);
  /** PostgreSQL; SQLite in the folder without it. */
  const database = url === undefined ? undefined : { url, password, schema };
  return { ...others, database };
}

/** Never repeats what it was given: there may be a password in it. */
function databaseUrl(text: string): string | undefined {
  if (text === "") return undefined;
  const url = URL.parse(text);
  // A slash or a question mark in a password ends the host there: an @ behind it shows that more was meant.
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

/** Where the database is, and not as whom it is asked. */
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
    throw new Error(`expected lower-case letters, digits and _, at most 40 of them, got "${text}"`);
  return text;
}
