import type { Clock } from "../../model/clock.ts";
import { lockKey, type Names } from "./names.ts";

/**
 * That a process is there, for the others to count: a lock of the deployment that all of them share, held by the
 * connection that listens. PostgreSQL takes it from whoever is gone.
 */
export type Presence = {
  show(connection: { query(text: string, values: unknown[]): Promise<unknown> }): Promise<void>;
  /** The connection was lost. */
  end(): void;
  /** How many processes are there, this one included when it is shown: an expression. */
  readonly count: string;
  /** For how long this one has been shown, ms; undefined when it is not. */
  shownForMs(): number | undefined;
};

export function presence({ schema }: Names, clock: Clock): Presence {
  const key = lockKey(`replicas\n${schema}`);
  let since: number | undefined;
  return {
    async show(connection) {
      await connection.query("SELECT pg_advisory_lock_shared($1)", [key]);
      since = clock.monotonic();
    },
    end() {
      since = undefined;
    },
    // A key of 64 bits is shown in halves. Everybody may read this view.
    count: `(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (classid::bigint << 32 | objid::bigint) = ${key})`,
    shownForMs: () => (since === undefined ? undefined : clock.monotonic() - since),
  };
}
