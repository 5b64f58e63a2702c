import { Socket } from "node:net";
import pg from "pg";
import { madeOf, type Renewable } from "../../model/renewable.ts";

export type Login = {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…` */
  readonly url: string;
  /** Wins over the one in the address. */
  readonly password?: string | undefined;
};

export type RenewableLogin = Renewable<Login> & {
  /**
   * Told once when the database rejects a new login, so that the previous one is tried; and without an error when it takes
   * it after all, or there is another one.
   */
  readonly rejected?: (error?: Error) => void;
};

/** A caller who waits for a 503 should have it before the caller's own patience ends. */
export const TIMEOUT_MS = 5000;

/** 64-bit integers are times, counts and sequence numbers here: all fit into a JavaScript number. */
const INT8 = 20;
const types = {
  getTypeParser: ((oid: number, format?: "text") =>
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

export const CLIENT_OPTIONS: pg.ClientConfig = {
  application_name: "gh-runner service",
  connectionTimeoutMillis: TIMEOUT_MS,
  keepAlive: true,
  types,
  stream: () => new PatientSocket(),
};

/**
 * What the system has to say of a connection is read before the connection is given up: a process that hung for longer
 * than the time-out would else never learn why there is none.
 */
class PatientSocket extends Socket {
  override destroy(error?: Error): this {
    if (!this.connecting) return super.destroy(error);
    setImmediate(() => super.destroy(error));
    return this;
  }
}

/**
 * Connections with the login that there is when each begins. A login that was replaced is tried again while the database
 * rejects the new one: whichever of the two is changed first, file or role, no connection is missing in between.
 */
export function clientsOf(login: RenewableLogin) {
  const found = madeOf(login.now, addressOf);
  let address = found();
  let before: string | undefined;
  /** Of these two, the one that new connections use. */
  let inUse = address;
  let isTold = false;

  function tell(error?: Error): void {
    if (isTold === (error !== undefined)) return;
    isTold = error !== undefined;
    login.rejected?.(error);
  }

  function now(): string {
    const next = found();
    if (next === address) return inUse;
    // What the database has taken last: a new one that it never took is no login to return to.
    before = inUse;
    address = next;
    inUse = next;
    tell();
    return inUse;
  }

  /** A connection with such a login is there, or was rejected. */
  function begun(its: string, error: Error | null): void {
    if (!error && its === address) tell();
    if (!error || !isRejectedLogin(error) || before === undefined || its !== now()) return;
    const isNew = inUse === address;
    inUse = isNew ? before : address;
    if (isNew) tell(error);
  }

  class Client extends pg.Client {
    /** Of the login that it was begun with. */
    readonly address: string;

    constructor(options: pg.ClientConfig = {}) {
      const its = now();
      super({ ...options, connectionString: its });
      this.address = its;
    }

    override connect(): Promise<pg.Client>;
    override connect(callback: (error: Error) => void): void;
    override connect(callback?: (error: Error) => void): Promise<pg.Client> | undefined {
      if (callback !== undefined) {
        super.connect((error: Error | null) => {
          begun(this.address, error);
          callback(error as Error);
        });
        return undefined;
      }
      return super.connect().then(
        (client) => {
          begun(this.address, null);
          return client;
        },
        (error) => {
          begun(this.address, error);
          throw error;
        },
      );
    }
  }

  return {
    Client,
    /** Whether a connection has a login that was replaced. */
    isOutdated: (client: unknown) => client instanceof Client && client.address !== now(),
    /** Looks whether there is a new login. */
    refresh: login.refresh,
  };
}

/** Within the address: what it says wins over what stands beside it. */
function addressOf({ url, password }: Login): string {
  if (password === undefined) return url;
  const address = new URL(url);
  address.searchParams.set("password", password);
  return address.href;
}

/** The database knows no such password or role, or not any more. */
export function isRejectedLogin(error: unknown): boolean {
  return ["28P01", "28000"].includes((error as { code?: string }).code ?? "");
}
