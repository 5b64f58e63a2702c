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
import type { Write } from "./batch.ts";
import type { Sql } from "./statements.ts";

/** The audit log in SQLite. */

/** Records the actions of a transaction, in that transaction. */
export type Note = (...entries: readonly AuditEntry[]) => void;

/** Writes with an audit record. Listeners get the records after they are stored. */
export function auditedWrites(sql: Sql, write: Write, { tell }: Pick<Trail, "tell">) {
  return async <T>(work: (note: Note) => T): Promise<T> => {
    let records: readonly AuditRecord[] = [];
    const result = await write(() => {
      // If one write is invalid, its transaction runs again without it.
      records = [];
      return work((...entries) => {
        records = [...records, ...noteIn(sql, entries)];
      });
    });
    tell(records);
    return result;
  };
}

function noteIn(sql: Sql, entries: readonly AuditEntry[]): readonly AuditRecord[] {
  const records = sealed(linkIn(sql.one(READ_LINK, HEAD)), entries);
  for (const record of records) sql.change(INSERT, ...valuesOf(record));
  const last = records.at(-1);
  if (last) sql.change(WRITE_LINK, HEAD, linkText(last.link));
  return records;
}

/** Deletes records before a time, up to `limit` of the oldest. */
export function forgetRecords(sql: Sql, before: number, limit: number): void {
  const over = overdue(sql.all(OLDEST, limit), before);
  if (!over) return;
  sql.change(DELETE, over.count);
  if (over.anchor) sql.change(WRITE_LINK, ANCHOR, linkText(over.anchor));
}

const INSERT = insertRecord("main");
const READ_LINK = readLink("main");
const WRITE_LINK = writeLink("main");
const OLDEST = oldestRecords("main");
const DELETE = deleteRecords("main");
