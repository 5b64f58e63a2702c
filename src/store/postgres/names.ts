import { createHash } from "node:crypto";

/** A store's names in SQL, and the channel on which its processes communicate. */
export type Names = {
  readonly schema: string;
  /** An expression for the time by the database's clock, epoch milliseconds. It stays the same during a transaction. */
  readonly now: string;
  readonly channel: string;
};

const DATABASE_NOW = "floor(extract(epoch FROM now()) * 1000)::bigint";

/** @param schema lower-case letters, digits and `_`, up to 40 characters. */
export function namesFor(schema: string, now = DATABASE_NOW): Names {
  if (!/^[a-z_][a-z0-9_]{0,39}$/.test(schema)) throw new Error(`The schema's name ${schema} cannot be used.`);
  return { schema, now, channel: schema };
}

/** The 64-bit key of a text for an advisory lock. */
export function lockKey(text: string): string {
  return createHash("sha256").update(text).digest().readBigInt64BE(0).toString();
}
