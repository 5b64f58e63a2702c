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
 * Records a transaction's actions, in that transaction. Call it last and await it: until the transaction ends, it holds
 * the chain's lock and must not wait for another lock.
 */
export type Note = (...entries: readonly AuditEntry[]) => Promise<void>;

/** Transactions with an audit record. Listeners get the records after they are stored. */
export function auditedTransactions(
  { transaction }: Pick<Database, "transaction">,
  names: Names,
  { tell }: Pick<Trail, "tell">,
) {
  return async <T>(work: (sql: Sql, note: Note) => Promise<T>): Promise<T> => {
    let records: readonly AuditRecord[] = [];
    const result = await transaction((sql) => {
      // A transaction that another one ended runs again.
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

/** Deletes records before a time, up to `limit` of the oldest. */
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

/** The name of the lock for a schema's chain. */
const chainOf = (schema: string) => `audit\n${schema}`;
