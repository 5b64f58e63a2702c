import { StoreUnavailable } from "../../model/store.ts";
import { type Connecting, connect, type Database } from "./connect.ts";
import { type Names, namesFor } from "./names.ts";

/**
 * Does something with the database without opening the store.
 * @throws Error that says what to do when the database cannot be used.
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

/** What PostgreSQL, the system or TLS calls what went wrong; empty when they have no name for it. */
export function codeOf(error: unknown): string {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  if (typeof code === "string") return code;
  return cause === undefined ? "" : codeOf(cause);
}

/**
 * An error at the start as whoever starts the service needs it: where, as whom, what happened and what to do, without
 * the password. What says so already, and what did not come from the connection, stays as it is.
 */
export function startError({ url }: Connecting, error: unknown): unknown {
  const { message, cause } = error as Error;
  if (message.startsWith("Cannot ")) return error;
  // A transaction takes whatever ended it for trouble with the connection.
  if (cause instanceof Error && cause.message.startsWith("Cannot ")) return cause;
  const remedy = remedyFor(error);
  if (remedy === undefined && !(error instanceof StoreUnavailable)) return error;
  const { hostname, port, pathname, username } = new URL(url);
  const user = username === "" ? "" : ` as ${decodeURIComponent(username)}`;
  const where = `${hostname || "localhost"}:${port || 5432}${user}, database ${decodeURIComponent(pathname.slice(1)) || "unnamed"}`;
  const happened = cause instanceof Error && cause.message ? cause.message : message || codeOf(error);
  return new Error(`Cannot use PostgreSQL at ${where}: ${happened}. ${remedy ?? "See that it runs."}`, {
    cause: error,
  });
}

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/^28P01$/, "Correct the password: DATABASE_PASSWORD, or the one in DATABASE_URL, percent-encoded."],
  [/^28/, "See that the role exists, may log in, and that pg_hba.conf lets it in from here, with TLS or without."],
  [/^3D000$/, "Create the database, or correct its name at the end of DATABASE_URL."],
  [/^53100$/, "Make room on its disk."],
  [/^53300$/, "Raise max_connections: each replica takes 11."],
  [/^57P03$/, "It is starting or stopping: start again in a moment."],
  [/^(ENOTFOUND|EAI_AGAIN)$/, "Correct the host in DATABASE_URL, or see that its name is resolved here."],
  [/^ECONNREFUSED$/, "Correct host and port in DATABASE_URL, and see that PostgreSQL listens there."],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    "Put a host into DATABASE_URL that the server's certificate names, or give the server one for this host.",
  ],
  [/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/, "Renew the server's certificate, and see that the clock here is right."],
  [
    /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_\w+|CERT_\w+)$/,
    "The server's certificate is not from an authority that is trusted here: let sslrootcert in DATABASE_URL name the PEM file of its authority.",
  ],
  [/^(ENOENT|EACCES)$/, "Correct the file that sslrootcert, sslcert or sslkey in DATABASE_URL names."],
  [/^ERR_OSSL_\w+$/, "The file of sslrootcert, sslcert or sslkey in DATABASE_URL is not the PEM that it should be."],
];

function remedyFor(error: unknown): string | undefined {
  const code = codeOf(error);
  if (/does not support SSL/.test(String((error as Error).message)))
    return "Switch TLS on at the server (ssl = on), or leave sslmode out of DATABASE_URL.";
  if (/timeout/i.test(String((error as Error).message)))
    return "Nothing answered within 5 s: correct the host in DATABASE_URL, or see what keeps packets away.";
  return REMEDIES.find(([pattern]) => pattern.test(code))?.[1];
}
