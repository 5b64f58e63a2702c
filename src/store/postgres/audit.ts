import type { AuditEntry, AuditRecord } from "../../model/audit.ts";
import {
  ANCHOR,
  deleteRecords,
  HEAD,
  insertRecord,
  linkIn,
  linkText,
  oldestRecords,
  overdue,
  readLink,
  type Trail,
  valuesOf,
  writeLink,
} from "../audit.ts";
import { sealed } from "../audit-chain.ts";
import type { Database, Sql } from "./connect.ts";
import type { Names } from "./names.ts";
import { lock } from "./write.ts";

/** The audit log in PostgreSQL. */

/**
 * Records what a transaction does, in that transaction. It is awaited, and comes last: from here to the end of the
 * transaction it has the chain's lock, and must wait for no other.
 */
export type Note = (...entries: readonly AuditEntry[]) => Promise<void>;

/** Transactions that are recorded, and told when they are stored. */
export function auditedTransactions(
  { transaction }: Pick<Database, "transaction">,
  names: Names,
  { tell }: Pick<Trail, "tell">,
) {
  return async <T>(work: (sql: Sql, note: Note) => Promise<T>): Promise<T> => {
    let records: readonly AuditRecord[] = [];
    const result = await transaction((sql) => {
      // One that another transaction has ended is run again.
      records = [];
      return work(sql, async (...entries) => {
        records = [...records, ...(await noteIn(sql, names, entries))];
      });
    });
    if (records.length > 0) tell(records);
    return result;
  };
}

async function noteIn(sql: Sql, { schema }: Names, entries: readonly AuditEntry[]): Promise<readonly AuditRecord[]> {
  lock(sql, [chainOf(schema)]);
  const [head] = await sql(readLink(schema), [HEAD]);
  const records = sealed(linkIn(head), entries);
  for (const record of records) void sql(insertRecord(schema), valuesOf(record));
  const last = records.at(-1);
  if (last) void sql(writeLink(schema), [HEAD, linkText(last.link)]);
  return records;
}

/** Deletes records of before, up to so many of the oldest. */
export async function forgetRecords(
  { sql, transaction }: Pick<Database, "sql" | "transaction">,
  { schema }: Names,
  before: number,
  limit: number,
): Promise<void> {
  if (!overdue(await sql(oldestRecords(schema), [1]), before)) return;
  await transaction(async (each) => {
    lock(each, [chainOf(schema)]);
    const over = overdue(await each(oldestRecords(schema), [limit]), before);
    if (!over) return;
    void each(deleteRecords(schema), [over.count]);
    if (over.anchor) void each(writeLink(schema), [ANCHOR, linkText(over.anchor)]);
  });
}

/** What the lock of a schema's chain is named. */
const chainOf = (schema: string) => `audit\n${schema}`;
