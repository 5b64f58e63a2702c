import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import { unchanging } from "../../model/renewable.ts";
import { StoreUnavailable } from "../../model/store.ts";
import { clean, type Row } from "../rows.ts";
import { CLIENT_OPTIONS, clientsOf, isRejectedLogin, type Login, type RenewableLogin, TIMEOUT_MS } from "./client.ts";

export type Connecting = Login & {
  /** The same where user and password may be replaced. */
  readonly login?: RenewableLogin | undefined;
  /** Takes it that there was no trouble before the start; for tests. */
  readonly isCalm?: boolean;
  /** Waits for as long as it takes: to change the schema, or to move everything. */
  readonly patient?: boolean;
};

/** Runs one statement; resolves with its rows, numbers as numbers. */
export type Sql = (text: string, values?: readonly unknown[]) => Promise<Row[]>;

export type Statement = readonly [text: string, values?: readonly unknown[]];

export type Database = {
  /** A statement that is a transaction of its own. */
  readonly sql: Sql;
  /**
   * One transaction: all of it is stored when this resolves, and nothing when it rejects with a mistake of the writer.
   * When it rejects with `StoreUnavailable`, the connection may have been lost after the database had stored it.
   * One that a deadlock or another transaction ended is run again, `tries` times in all.
   *
   * Statements are sent at once, in the order in which they are asked for, without waiting for the answers before. One
   * whose answer is not awaited makes the transaction fail, too, when it fails.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>, options?: { tries: number }): Promise<T>;
  /**
   * Statements that are known before any is answered, in one round trip; resolves with the rows of each. Each is a
   * transaction, unless they begin and commit one. It rejects and is run again like `transaction`.
   */
  flight(statements: readonly Statement[]): Promise<readonly Row[][]>;
  /** A transaction whose statements may take so long each; resolves with undefined when one takes longer, which is no trouble. */
  readFor<T>(milliseconds: number, work: (sql: Sql) => Promise<T>): Promise<T | undefined>;
  /** How long this process has seen the database answer in time, ms. */
  calmFor(): number;
  close(): Promise<void>;
};

/** Enough for a burst of writes, claims, and pages that are read; three replicas take 30 of PostgreSQL's default 100. */
const MAX_CONNECTIONS = 10;

/** A process that freezes with a transaction open must not delay the others for longer than these wait for a lock. */
const IDLE_MS = 3000;

const SESSION = `-c idle_in_transaction_session_timeout=${IDLE_MS} -c statement_timeout=${TIMEOUT_MS} -c lock_timeout=${TIMEOUT_MS}`;

/** Whatever the role or the server sets. Not every version knows them all. */
const NO_LIMITS = `SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout',
  'idle_in_transaction_session_timeout', 'transaction_timeout')`;

/** How long a connection's orderly end may take. */
export const FAREWELL_MS = 1000;

/** An answer that takes longer is trouble, not load. */
const SLOW_MS = 2000;

/** How often a transaction is run that others end. */
const MOST_TRIES = 5;

/** How often a connection is begun again that is not let in, and how long after the first times, ms: a new password may be on its way. */
const MOST_LOGINS = 15;
const LOGIN_AGAIN_MS = 200;

export function connect(connecting: Connecting, onError: (error: Error) => void): Database {
  const { isCalm = false, patient = false } = connecting;
  const { Client, isOutdated, refresh } = clientsOf(connecting.login ?? unchanging(connecting));
  const pool = new pg.Pool({
    ...CLIENT_OPTIONS,
    Client,
    options: patient ? "" : SESSION,
    // One round trip for what does not depend on each other.
    pipeline: true,
    // Longer than the server's own: when the server answers, its word counts.
    ...(patient
      ? { onConnect: async (client) => void (await client.query(NO_LIMITS)) }
      : { query_timeout: TIMEOUT_MS + 1000 }),
    max: MAX_CONNECTIONS,
  });
  /** When the latest trouble ended; the start counts, since what was before is unknown. */
  let troubleAt = isCalm ? Number.NEGATIVE_INFINITY : performance.now();
  pool.on("error", (error) => {
    troubleAt = performance.now();
    onError(error);
  });

  // A connection that is lost tells its query; without a listener it would end the process, too. It has one from its first
  // moment on: the news of its end may be read at once with that of its beginning, before anybody who awaits it goes on.
  pool.on("connect", (client) => void client.on("error", noticed));

  // The pool does not keep what is ending.
  pool.on("release", (_error, client) => {
    if (isOutdated(client)) void client.end();
  });

  /** Whether it is worth another try after an error: the login may be another one by then. */
  async function hasLogin(error: unknown, tries: number): Promise<boolean> {
    if (connecting.login === undefined || tries === MOST_LOGINS || !isRejectedLogin(error)) return false;
    await refresh();
    // At first the one that was replaced, and the new one.
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

  /** @param atOnce without the transaction around it. */
  async function once<T>(work: (sql: Sql) => Promise<T>, atOnce = false): Promise<T> {
    const client = await pool.connect();
    let broken: Error | undefined;
    /** Without those that went well: their rows would stay until the end of a transaction that moves everything. */
    const sent = new Set<Promise<unknown>>();
    const send = (text: string, values?: readonly unknown[]): Promise<Row[]> => {
      const rows = client.query(prepared(text, values)).then((result) => result.rows as Row[]);
      sent.add(rows);
      rows.then(() => sent.delete(rows), noticed);
      return rows;
    };
    try {
      if (!atOnce) void send("BEGIN");
      const result = await work(send);
      if (!atOnce) void send("COMMIT");
      // A COMMIT after a failed statement is a ROLLBACK, and says so in silence.
      await Promise.all(sent);
      return result;
    } catch (error) {
      const ends = await Promise.allSettled(sent);
      // On a connection that was lost, or given up after a timeout, this fails at once.
      await client.query("ROLLBACK").catch((cause) => {
        broken = cause as Error;
      });
      // What failed in a failed transaction failed because of the first failure.
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
    // A server that does not answer says no farewell either.
    close: () => atMost(FAREWELL_MS, pool.end()),
  };
}

const unwatched = <T>(work: Promise<T>): Promise<T> => work;

function undefinedIfCanceled(error: unknown): undefined {
  if (codeOf(error) !== QUERY_CANCELED) throw error;
}

/** Waits for something, and not longer than so many milliseconds. */
export async function atMost(milliseconds: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  try {
    await Promise.race([work, wait(milliseconds, undefined, { signal: done.signal })]);
  } finally {
    done.abort();
  }
}

/** Statements of the program are few; each is planned once a connection. */
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

/** Rows for `json_to_recordset`. Inside of JSON a text is escaped, so that it is cleaned before. */
export function asJson(rows: readonly object[]): string {
  return JSON.stringify(rows, (_, value) => (typeof value === "string" ? clean(value) : value));
}

function noticed(): void {}

/** Whether an error is another one, or names it as its cause. */
function isAbout(error: unknown, other: unknown): boolean {
  return error === other || (error instanceof Error && error.cause !== undefined && isAbout(error.cause, other));
}

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? "";

/** Deadlock, serialization failure, and what follows them in the same transaction. */
function isCollision(error: unknown): boolean {
  return ["40P01", "40001", "25P02"].includes(codeOf(error));
}

/**
 * A newer version has added a column since the connection planned its statements. PostgreSQL does not plan them again, so
 * the connection is of no more use.
 */
function isStale(error: unknown): error is Error {
  return codeOf(error) === "0A000" && /cached plan/.test((error as Error).message);
}

/**
 * What PostgreSQL says when it cannot work now: connection, authorization, no such database, a read-only or aborted
 * transaction, collisions, resources, limits, the state of objects, an operator's intervention, the system, its own bugs.
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const UNWELL = /^(08|25|28|3D|40|53|54|55|57|58|F0|XX)|^42501$/;
const DISK_FULL = "53100";
const QUERY_CANCELED = "57014";

/** Of the system and of TLS: https://nodejs.org/api/errors.html */
const NO_CONNECTION = /^(E[A-Z]+|EAI_[A-Z]+|ERR_(TLS|SSL|OSSL|SOCKET|STREAM)_\w+|\w*CERT\w*|UNABLE_TO_\w+)$/;

/** The driver has no codes for what it says itself: pg/lib/client.js, connection.js, crypto/ and pg-pool/index.js. */
const DRIVER_SAYS =
  /^(Connection terminated|timeout e|Query read timeout|Client (has encountered a connection error|was closed)|Received unexpected|The server does not support SSL|There was an error establishing an SSL|SASL|Called end|Cannot use a pool)/;

/** Whether the database or the connection to it fails. Anything else is an internal error, and happens again. */
export function isOutage(error: unknown): boolean {
  if (error instanceof StoreUnavailable) return true;
  if (error instanceof pg.DatabaseError) return UNWELL.test(codeOf(error));
  return error instanceof Error && (NO_CONNECTION.test(codeOf(error)) || DRIVER_SAYS.test(error.message));
}

/** The pool says that the time was up also where the system has said why there is no connection. */
function reasonOf(error: unknown): unknown {
  const { cause } = (error ?? {}) as { cause?: unknown };
  return cause instanceof Error && NO_CONNECTION.test(codeOf(cause)) ? cause : error;
}

function explained(thrown: unknown): unknown {
  if (!isOutage(thrown) || thrown instanceof StoreUnavailable) return thrown;
  const error = reasonOf(thrown);
  const { message, code } = error as { message?: string; code?: string };
  return new StoreUnavailable(`PostgreSQL could not be asked: ${message || code}`, {
    cause: error,
    trouble: code === DISK_FULL ? "disk_full" : "other",
  });
}
