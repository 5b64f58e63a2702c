import { Socket } from "node:net";
import pg from "pg";
import { madeOf, type Renewable } from "../../model/renewable.ts";

export type Login = {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…` */
  readonly url: string;
  /** Takes precedence over the password in the address. */
  readonly password?: string | undefined;
};

export type RenewableLogin = Renewable<Login> & {
  /**
   * Called once when the database rejects a new login, so that the previous login is tried. Called without an error
   * when the database accepts the new login after all, or there is another one.
   */
  readonly rejected?: (error?: Error) => void;
};

/** A caller that waits should get its 503 before it gives up. */
export const TIMEOUT_MS = 5000;

/** 64-bit integers here are times, counts and sequence numbers, which all fit into a JavaScript number. */
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
 * Reads the system's error for a connection before it gives up the connection. Otherwise a process that hung for longer
 * than the timeout would never learn why there is no connection.
 */
class PatientSocket extends Socket {
  override destroy(error?: Error): this {
    if (!this.connecting) return super.destroy(error);
    setImmediate(() => super.destroy(error));
    return this;
  }
}

/**
 * Connections with the login that is current when each begins. While the database rejects a new login, the previous one
 * is tried again. So you can change the file or the role first, and no connection fails in between.
 */
export function clientsOf(login: RenewableLogin) {
  const found = madeOf(login.now, addressOf);
  let address = found();
  let before: string | undefined;
  /** The one of these two that new connections use. */
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
    // The login that the database accepted last. It never falls back to a login that was never accepted.
    before = inUse;
    address = next;
    inUse = next;
    tell();
    return inUse;
  }

  /** A connection with this login was opened or rejected. */
  function begun(its: string, error: Error | null): void {
    if (!error && its === address) tell();
    if (!error || !isRejectedLogin(error) || before === undefined || its !== now()) return;
    const isNew = inUse === address;
    inUse = isNew ? before : address;
    if (isNew) tell(error);
  }

  class Client extends pg.Client {
    /** The address of its login. */
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
    /** Whether a connection uses a replaced login. */
    isOutdated: (client: unknown) => client instanceof Client && client.address !== now(),
    /** Checks for a new login. */
    refresh: login.refresh,
  };
}

/** Inside the address, because that takes precedence over other options. */
function addressOf({ url, password }: Login): string {
  if (password === undefined) return url;
  const address = new URL(url);
  address.searchParams.set("password", password);
  return address.href;
}

/** The database does not know this password or role, or no longer does. */
export function isRejectedLogin(error: unknown): boolean {
  return ["28P01", "28000"].includes((error as { code?: string }).code ?? "");
}
