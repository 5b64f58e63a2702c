import { createHash } from "node:crypto";

/** The names of a store in SQL, and of the channel on which its processes speak to each other. */
export type Names = {
  readonly schema: string;
  /** Now by the database's clock, epoch milliseconds: an expression. The same throughout a transaction. */
  readonly now: string;
  readonly channel: string;
};

const DATABASE_NOW = "floor(extract(epoch FROM now()) * 1000)::bigint";

/** @param schema lower-case letters, digits and `_`, at most 40 characters. */
export function namesFor(schema: string, now = DATABASE_NOW): Names {
  if (!/^[a-z_][a-z0-9_]{0,39}$/.test(schema)) throw new Error(`The schema's name ${schema} cannot be used.`);
  return { schema, now, channel: schema };
}

/** What singles out a text among all for an advisory lock, as 64 bits. */
export function lockKey(text: string): string {
  return createHash("sha256").update(text).digest().readBigInt64BE(0).toString();
}
