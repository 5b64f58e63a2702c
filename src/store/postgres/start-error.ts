import { StoreUnavailable } from "../../model/store.ts";
import { type Connecting, connect, type Database } from "./connect.ts";
import { type Names, namesFor } from "./names.ts";

/**
 * Uses the database without opening the store.
 * @throws Error that says what to do if the database cannot be used.
 */
export async function withDatabase<T>(
  options: Connecting & { readonly schema: string; readonly onError?: (error: Error) => void },
  work: (database: Database, names: Names) => Promise<T>,
): Promise<T> {
  const database = connect(options, options.onError ?? (() => {}));
  try {
    return await work(database, namesFor(options.schema));
  } catch (error) {
    throw startError(options, error);
  } finally {
    await database.close();
  }
}

/** The error code of PostgreSQL, the system or TLS; empty without one. */
export function codeOf(error: unknown): string {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  if (typeof code === "string") return code;
  return cause === undefined ? "" : codeOf(cause);
}

/**
 * Explains an error for the person who starts the service: the place, the user, what happened and what to do, without
 * the password. Errors that already explain this, or that do not come from the connection, are unchanged.
 */
export function startError({ url }: Connecting, error: unknown): unknown {
  const { message, cause } = error as Error;
  if (message.startsWith("Cannot ")) return error;
  // A transaction treats any error as trouble with the connection.
  if (cause instanceof Error && cause.message.startsWith("Cannot ")) return cause;
  const remedy = remedyFor(error);
  if (remedy === undefined && !(error instanceof StoreUnavailable)) return error;
  const { hostname, port, pathname, username } = new URL(url);
  const user = username === "" ? "" : ` as ${decodeURIComponent(username)}`;
  const where = `${hostname || "localhost"}:${port || 5432}${user}, database ${decodeURIComponent(pathname.slice(1)) || "unnamed"}`;
  const happened = cause instanceof Error && cause.message ? cause.message : message || codeOf(error);
  return new Error(`Cannot use PostgreSQL at ${where}: ${happened}. ${remedy ?? "Check that it is running."}`, {
    cause: error,
  });
}

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/^28P01$/, "Correct the password: DATABASE_PASSWORD, or the one in DATABASE_URL, percent-encoded."],
  [
    /^28/,
    "Check that the role exists and may log in, and that pg_hba.conf accepts it from this host, with or without TLS.",
  ],
  [/^3D000$/, "Create the database, or correct its name at the end of DATABASE_URL."],
  [/^53100$/, "Make room on its disk."],
  [/^53300$/, "Raise max_connections: each replica needs 11."],
  [/^57P03$/, "PostgreSQL is starting or stopping. Try again in a moment."],
  [/^(ENOTFOUND|EAI_AGAIN)$/, "Correct the host in DATABASE_URL, or make its name resolve on this host."],
  [/^ECONNREFUSED$/, "Correct the host and port in DATABASE_URL, and check that PostgreSQL listens there."],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    "Use a host in DATABASE_URL that the server's certificate names, or give the server a certificate for this host.",
  ],
  [/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/, "Renew the server's certificate, and check the clock of this host."],
  [
    /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_\w+|CERT_\w+)$/,
    "This host does not trust the authority of the server's certificate. Set sslrootcert in DATABASE_URL to the PEM file of the authority.",
  ],
  [/^(ENOENT|EACCES)$/, "Correct the path of sslrootcert, sslcert or sslkey in DATABASE_URL."],
  [/^ERR_OSSL_\w+$/, "The file of sslrootcert, sslcert or sslkey in DATABASE_URL is not valid PEM."],
];

function remedyFor(error: unknown): string | undefined {
  const code = codeOf(error);
  if (/does not support SSL/.test(String((error as Error).message)))
    return "Turn on TLS at the server (ssl = on), or remove sslmode from DATABASE_URL.";
  if (/timeout/i.test(String((error as Error).message)))
    return "There was no answer within 5 s. Correct the host in DATABASE_URL, or check what blocks the connection.";
  return REMEDIES.find(([pattern]) => pattern.test(code))?.[1];
}
