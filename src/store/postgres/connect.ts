import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import { unchanging } from "../../model/renewable.ts";
import { StoreUnavailable } from "../../model/store.ts";
import { clean, type Row } from "../rows.ts";
import { CLIENT_OPTIONS, clientsOf, isRejectedLogin, type Login, type RenewableLogin, TIMEOUT_MS } from "./client.ts";

export type Connecting = Login & {
  /** The same, if user and password may be replaced. */
  readonly login?: RenewableLogin | undefined;
  /** Assumes that there was no trouble before the start; for tests. */
  readonly isCalm?: boolean;
  /** Without timeouts: to change the schema, or to move all data. */
  readonly patient?: boolean;
};

/** Runs one statement. Resolves with its rows, with numbers as numbers. */
export type Sql = (text: string, values?: readonly unknown[]) => Promise<Row[]>;

export type Statement = readonly [text: string, values?: readonly unknown[]];

export type Database = {
  /** Runs one statement in a separate transaction. */
  readonly sql: Sql;
  /**
   * Runs one transaction. If this resolves, everything is stored. If it rejects because of the caller's mistake,
   * nothing is. If it rejects with `StoreUnavailable`, the connection may have been lost after the database stored it.
   * A transaction that a deadlock or another transaction ended runs again, up to `tries` times in total.
   *
   * Statements are sent immediately, in order, without waiting for earlier answers. If one fails, the transaction
   * fails, even if its answer is not awaited.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>, options?: { tries: number }): Promise<T>;
  /**
   * Sends statements that do not depend on each other's answers, in one round trip. Resolves with the rows of each.
   * Each is a transaction, unless the statements begin and commit one. Rejects and retries like `transaction`.
   */
  flight(statements: readonly Statement[]): Promise<readonly Row[][]>;
  /**
   * Runs a transaction with a time limit for each statement. Resolves with undefined if one takes longer, which does
   * not count as trouble.
   */
  readFor<T>(milliseconds: number, work: (sql: Sql) => Promise<T>): Promise<T | undefined>;
  /** For how long the database has answered this process in time, ms. */
  calmFor(): number;
  close(): Promise<void>;
};

/** Enough for bursts of writes, claims and page reads. Three replicas use 30 of PostgreSQL's default 100. */
const MAX_CONNECTIONS = 10;

/** A process that freezes in a transaction must not delay the others for longer than their lock timeout. */
const IDLE_MS = 3000;

const SESSION = `-c idle_in_transaction_session_timeout=${IDLE_MS} -c statement_timeout=${TIMEOUT_MS} -c lock_timeout=${TIMEOUT_MS}`;

/** Overrides limits of the role or the server. Not every version knows all of them. */
const NO_LIMITS = `SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout',
  'idle_in_transaction_session_timeout', 'transaction_timeout')`;

/** How long a connection's normal end may take. */
export const FAREWELL_MS = 1000;

/** A slower answer counts as trouble, not load. */
const SLOW_MS = 2000;

/** How many times a transaction that others end is tried. */
const MOST_TRIES = 5;

/**
 * How many times a rejected connection is tried again, and the delay after the first times, ms. A new password may be
 * on its way.
 */
const MOST_LOGINS = 15;
const LOGIN_AGAIN_MS = 200;

export function connect(connecting: Connecting, onError: (error: Error) => void): Database {
  const { isCalm = false, patient = false } = connecting;
  const { Client, isOutdated, refresh } = clientsOf(connecting.login ?? unchanging(connecting));
  const pool = new pg.Pool({
    ...CLIENT_OPTIONS,
    Client,
    options: patient ? "" : SESSION,
    // One round trip for statements that do not depend on each other.
    pipeline: true,
    // Longer than the server's timeout, so that the server's answer counts.
    ...(patient
      ? { onConnect: async (client) => void (await client.query(NO_LIMITS)) }
      : { query_timeout: TIMEOUT_MS + 1000 }),
    max: MAX_CONNECTIONS,
  });
  /** When the last trouble ended. The start counts as trouble, since what happened before is unknown. */
  let troubleAt = isCalm ? Number.NEGATIVE_INFINITY : performance.now();
  pool.on("error", (error) => {
    troubleAt = performance.now();
    onError(error);
  });

  // A lost connection reports to its query, and without a listener it would also end the process. The listener is there
  // from the first moment, because the news of the connection's end may arrive together with that of its start.
  pool.on("connect", (client) => void client.on("error", noticed));

  // The pool does not keep a connection that is ending.
  pool.on("release", (_error, client) => {
    if (isOutdated(client)) void client.end();
  });

  /** Whether to try again after an error, since the login may have changed. */
  async function hasLogin(error: unknown, tries: number): Promise<boolean> {
    if (connecting.login === undefined || tries === MOST_LOGINS || !isRejectedLogin(error)) return false;
    await refresh();
    // The first retries use the previous login, and the new one.
    if (tries > 1) await wait(LOGIN_AGAIN_MS);
    return true;
  }

  async function watched<T>(work: Promise<T>): Promise<T> {
    const since = performance.now();
    try {
      return await work;
    } catch (error) {
      if (isOutage(error) && !isCollision(error)) troubleAt = performance.now();
      throw error;
    } finally {
      if (performance.now() - since > SLOW_MS) troubleAt = performance.now();
    }
  }

  const sql: Sql = async (text, values) => {
    for (let stale = 0, rejected = 0; ; ) {
      try {
        return (await watched(pool.query(prepared(text, values)))).rows as Row[];
      } catch (error) {
        // The pool has closed the connection.
        if (isStale(error) && stale++ < MAX_CONNECTIONS) continue;
        if (!(await hasLogin(error, rejected++))) throw explained(error);
      }
    }
  };

  async function once<T>(work: (sql: Sql) => Promise<T>, withoutTransaction = false): Promise<T> {
    const client = await pool.connect();
    let broken: Error | undefined;
    /** Without successful ones: their rows would stay in memory until the end of a transaction that moves all data. */
    const sent = new Set<Promise<unknown>>();
    const send = (text: string, values?: readonly unknown[]): Promise<Row[]> => {
      const rows = client.query(prepared(text, values)).then((result) => result.rows as Row[]);
      sent.add(rows);
      rows.then(() => sent.delete(rows), noticed);
      return rows;
    };
    try {
      if (!withoutTransaction) void send("BEGIN");
      const result = await work(send);
      if (!withoutTransaction) void send("COMMIT");
      // A COMMIT after a failed statement acts as a ROLLBACK, without an error.
      await Promise.all(sent);
      return result;
    } catch (error) {
      const ends = await Promise.allSettled(sent);
      // Fails immediately on a connection that was lost, or given up after a timeout.
      await client.query("ROLLBACK").catch((cause) => {
        broken = cause as Error;
      });
      // Later statements failed only because of the first failure.
      const first = ends.find(({ status }) => status === "rejected") as PromiseRejectedResult | undefined;
      const failure = first && !isAbout(error, first.reason) ? first.reason : error;
      if (isStale(failure)) broken = failure;
      throw failure;
    } finally {
      client.release(broken);
    }
  }

  async function insisted<T>(work: () => Promise<T>, most = MOST_TRIES, watch: typeof watched = watched): Promise<T> {
    for (let tries = 1, stale = 0, rejected = 0; ; ) {
      try {
        return await watch(work());
      } catch (error) {
        if (isStale(error) && stale++ < MAX_CONNECTIONS) continue;
        if (await hasLogin(error, rejected++)) continue;
        if (tries++ === most || !isCollision(error)) throw explained(error);
      }
    }
  }

  return {
    sql,
    transaction: (work, options) => insisted(() => once(work), options?.tries),
    flight: (statements) =>
      insisted(() => once((send) => Promise.all(statements.map(([text, values]) => send(text, values))), true)),
    readFor: (milliseconds, work) =>
      insisted(
        () =>
          once((send) => {
            void send(`SET LOCAL statement_timeout = ${milliseconds}`);
            return work(send);
          }).catch(undefinedIfCanceled),
        MOST_TRIES,
        unwatched,
      ),
    calmFor: () => performance.now() - troubleAt,
    // A server that does not answer cannot end the connection normally.
    close: () => atMost(FAREWELL_MS, pool.end()),
  };
}

const unwatched = <T>(work: Promise<T>): Promise<T> => work;

function undefinedIfCanceled(error: unknown): undefined {
  if (codeOf(error) !== QUERY_CANCELED) throw error;
}

/** Waits for a promise, but no longer than this many milliseconds. */
export async function atMost(milliseconds: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  try {
    await Promise.race([work, wait(milliseconds, undefined, { signal: done.signal })]);
  } finally {
    done.abort();
  }
}

/** The program has few statements. Each is planned once per connection. */
const names = new Map<string, string>();
const MOST_NAMES = 200;

function prepared(text: string, values: readonly unknown[] | undefined): pg.QueryConfig | string {
  if (values === undefined) return text;
  let name = names.get(text);
  if (name === undefined && names.size < MOST_NAMES) {
    name = `s${names.size}`;
    names.set(text, name);
  }
  return { text, values: values.map(stored), ...(name === undefined ? {} : { name }) };
}

function stored(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stored);
  return typeof value === "string" ? clean(value) : value;
}

/** Rows for `json_to_recordset`. Texts are cleaned before, because JSON escapes them. */
export function asJson(rows: readonly object[]): string {
  return JSON.stringify(rows, (_, value) => (typeof value === "string" ? clean(value) : value));
}

function noticed(): void {}

/** Whether an error is the other one, or has it as a cause. */
function isAbout(error: unknown, other: unknown): boolean {
  return error === other || (error instanceof Error && error.cause !== undefined && isAbout(error.cause, other));
}

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? "";

/** A deadlock, a serialization failure, or a following error in the same transaction. */
function isCollision(error: unknown): boolean {
  return ["40P01", "40001", "25P02"].includes(codeOf(error));
}

/**
 * A newer version has added a column since the connection planned its statements. PostgreSQL does not plan them again,
 * so the connection is no longer usable.
 */
function isStale(error: unknown): error is Error {
  return codeOf(error) === "0A000" && /cached plan/.test((error as Error).message);
}

/**
 * PostgreSQL's errors if it cannot work now: connection, authorization, missing database, read-only or aborted
 * transaction, collisions, resources, limits, object state, operator intervention, system errors and internal errors.
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const UNWELL = /^(08|25|28|3D|40|53|54|55|57|58|F0|XX)|^42501$/;
const DISK_FULL = "53100";
const QUERY_CANCELED = "57014";

/** Codes of the system and of TLS: https://nodejs.org/api/errors.html */
const NO_CONNECTION = /^(E[A-Z]+|EAI_[A-Z]+|ERR_(TLS|SSL|OSSL|SOCKET|STREAM)_\w+|\w*CERT\w*|UNABLE_TO_\w+)$/;

/** The driver has no codes for the errors that it makes: pg/lib/client.js, connection.js, crypto/ and pg-pool/index.js. */
const DRIVER_SAYS =
  /^(Connection terminated|timeout e|Query read timeout|Client (has encountered a connection error|was closed)|Received unexpected|The server does not support SSL|There was an error establishing an SSL|SASL|Called end|Cannot use a pool)/;

/** Whether the database or its connection failed. Any other error is internal, and would happen again. */
export function isOutage(error: unknown): boolean {
  if (error instanceof StoreUnavailable) return true;
  if (error instanceof pg.DatabaseError) return UNWELL.test(codeOf(error));
  return error instanceof Error && (NO_CONNECTION.test(codeOf(error)) || DRIVER_SAYS.test(error.message));
}

/** The pool reports a timeout even if the system has reported why there is no connection. */
function reasonOf(error: unknown): unknown {
  const { cause } = (error ?? {}) as { cause?: unknown };
  return cause instanceof Error && NO_CONNECTION.test(codeOf(cause)) ? cause : error;
}

function explained(thrown: unknown): unknown {
  if (!isOutage(thrown) || thrown instanceof StoreUnavailable) return thrown;
  const error = reasonOf(thrown);
  const { message, code } = error as { message?: string; code?: string };
  return new StoreUnavailable(`The request to PostgreSQL failed: ${message || code}`, {
    cause: error,
    trouble: code === DISK_FULL ? "disk_full" : "other",
  });
}
