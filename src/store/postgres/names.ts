import { createHash } from "node:crypto";

/** The names of a store's two schemas in SQL, and of the channel on which its processes speak to each other. */
export type Names = {
  /** Runs and their history. */
  readonly own: string;
  /** pg-boss's. */
  readonly jobs: string;
  /** Now by the database's clock, epoch milliseconds: an expression. */
  readonly now: string;
  readonly channel: string;
};

/** @param schema lower-case letters, digits and `_`, at most 40 characters. */
export function namesFor(schema: string): Names {
  if (!/^[a-z_][a-z0-9_]{0,39}$/.test(schema)) throw new Error(`The schema's name ${schema} cannot be used.`);
  const jobs = `${schema}_jobs`;
  return {
    own: schema,
    jobs,
    now: `floor(extract(epoch FROM ${jobs}.job_now()) * 1000)::bigint`,
    channel: schema,
  };
}

/** The place in a concurrency group for which runs wait; null for those that wait for nobody. */
export function slotOf(event: { workflow: string; group?: string | undefined; ownToken: boolean }): string | null {
  return event.ownToken || event.group === undefined ? null : `${event.workflow}\n${event.group}`;
}

/** What singles out a text among all for an advisory lock, as 64 bits. */
export function lockKey(text: string): string {
  return createHash("sha256").update(text).digest().readBigInt64BE(0).toString();
}
