import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type AuditEntry,
  type AuditFilter,
  type AuditLog,
  type AuditRecord,
  type ChainLink,
  NO_LINK,
  type Verification,
} from "../model/audit.ts";
import { checkedChain } from "./audit-chain.ts";
import type { Asked } from "./reads.ts";
import type { Row } from "./rows.ts";

/** The audit log, with SQL for both databases. */

/** Two marks: the newest record, and the last one that was deleted because of its age. */
export const [HEAD, ANCHOR] = ["audit head", "audit anchor"];

/** Takes the name of a mark, HEAD or ANCHOR. */
export const readLink = (schema: string): string => `SELECT value FROM ${schema}.marks WHERE name = $1`;

/** Takes the name of a mark, and the result of `linkText`. */
export const writeLink = (schema: string): string =>
  `INSERT INTO ${schema}.marks (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

export const linkText = ({ number, hash }: ChainLink): string => JSON.stringify({ number, hash });

/**
 * @param row from `readLink`. An invalid value counts as the link of an empty chain, and a check of the chain reports
 * it.
 */
export function linkIn(row: Row | undefined): ChainLink {
  try {
    const { number, hash } = JSON.parse(row?.value as string) as Partial<ChainLink>;
    if (Number.isSafeInteger(number) && typeof hash === "string") return { number: number as number, hash };
  } catch {}
  return NO_LINK;
}

const COLUMNS = [
  ...(["at", "actor", "role", "via", "address", "action", "outcome", "run", "workflow"] as const),
  ...(["bulk", "details", "times", "number", "hash"] as const),
];

/** Takes the result of `valuesOf`. */
export function insertRecord(schema: string): string {
  const places = COLUMNS.map((_, at) => `$${at + 1}`);
  return `INSERT INTO ${schema}.actions (${COLUMNS.join(", ")}) VALUES (${places.join(", ")})`;
}

export function valuesOf({ link, ...record }: AuditRecord): (string | number | null)[] {
  const values = { ...record, ...link };
  return COLUMNS.map((column) => values[column] ?? null);
}

/** Leaves out empty columns. */
function recordOf({ seq: _, number, hash, ...row }: Row): AuditRecord {
  const known = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
  const link = number === null || hash === null ? undefined : { number, hash };
  return { ...known, link } as unknown as AuditRecord;
}

/** Takes the number of records. */
export const oldestRecords = (schema: string): string =>
  `SELECT at, number, hash FROM ${schema}.actions ORDER BY seq LIMIT $1`;

/** Takes how many of the oldest records to delete. */
export const deleteRecords = (schema: string): string =>
  `DELETE FROM ${schema}.actions WHERE seq IN (SELECT seq FROM ${schema}.actions ORDER BY seq LIMIT $1)`;

/**
 * Which of the oldest records are deleted: those before the first record to keep, so that the rest of the chain is
 * whole.
 * @param rows from `oldestRecords`.
 * @returns the number of records, and the record behind which the chain then begins; undefined: delete none.
 */
export function overdue(
  rows: readonly Row[],
  before: number,
): { readonly count: number; readonly anchor: ChainLink | undefined } | undefined {
  const kept = rows.findIndex(({ at }) => (at as number) >= before);
  const over = rows.slice(0, kept === -1 ? rows.length : kept);
  if (over.length === 0) return undefined;
  const last = over.findLast(({ number }) => number !== null);
  return { count: over.length, anchor: last && { number: last.number as number, hash: last.hash as string } };
}

export type Trail = Pick<AuditLog, "hear"> & { tell(records: readonly AuditRecord[]): void };

/** Notifies listeners of records after they are stored. */
export function trail(): Trail {
  const listeners = new Set<(record: AuditRecord) => void>();
  return {
    hear(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell(records) {
      for (const record of records) for (const listener of listeners) listener(record);
    },
  };
}

const BATCH = 500;

/** How many times a check starts again because old records were deleted during it. */
const MOST_LOOKS = 5;

/** @param add seals and adds records, in one transaction. */
export function auditLog(
  { dialect, read }: Asked,
  { hear, add }: Pick<Trail, "hear"> & { readonly add: (entries: readonly AuditEntry[]) => Promise<void> },
): AuditLog {
  const { schema } = dialect;
  const actions = `${schema}.actions`;
  const link = async (name: string | undefined) => linkIn((await read(readLink(schema), [name ?? ""]))[0]);

  async function look(): Promise<Verification> {
    const anchor = await link(ANCHOR);
    const chain = checkedChain(anchor);
    let notSealed: Verification["notSealed"] = { count: 0, latestAt: undefined };
    for (let after = -1, head: ChainLink | undefined; ; ) {
      const rows = await read(`SELECT * FROM ${actions} WHERE seq > $1 ORDER BY seq LIMIT ${BATCH}`, [after]);
      for (const record of rows.map(recordOf)) {
        if (record.link) chain.read(record, record.link);
        else notSealed = { count: notSealed.count + 1, latestAt: Math.max(record.at, notSealed.latestAt ?? record.at) };
      }
      after = (rows.at(-1)?.seq as number | undefined) ?? after;
      // The head is read before the last empty page, so that records added in between are read too.
      if (rows.length > 0) head = undefined;
      else if (head) return { anchor, head, ...chain.end(head), notSealed };
      else head = await link(HEAD);
      await nextTurn();
    }
  }

  return {
    add,
    hear,
    async list(filter, { limit, cursor, newer = false }) {
      const values: (string | number)[] = [];
      const place = (value: string | number) => `$${values.push(value)}`;
      const conditions = conditionsOf(filter, dialect, place);
      if (cursor !== undefined) conditions.push(`seq ${newer ? ">" : "<"} ${place(Number(cursor))}`);
      const where = conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : "";
      const order = newer ? "ASC" : "DESC";
      const rows = await read(
        `SELECT * FROM ${actions} ${where} ORDER BY seq ${order} LIMIT ${place(limit + 1)}`,
        values,
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1)?.seq;
      const next = newer ? (last ?? cursor) : rows.length > limit ? last : undefined;
      return { records: page.map(recordOf), next: next === undefined ? undefined : String(next) };
    },
    async verify() {
      for (let looks = 1; ; looks++) {
        const found = await look();
        // Old records may have been deleted while they were read.
        const isSure = found.problems.length === 0 || (await link(ANCHOR)).number === found.anchor.number;
        if (isSure || looks === MOST_LOOKS) return found;
      }
    },
  };
}

/** These names are the same in the model and in the columns. */
const EQUAL = ["action", "outcome", "workflow", "run", "address", "bulk"] as const;

function conditionsOf(
  filter: AuditFilter,
  { holds }: Asked["dialect"],
  place: (value: string | number) => string,
): string[] {
  const { actor, since, until } = filter;
  return [
    ...EQUAL.flatMap((name) => (filter[name] === undefined ? [] : [`${name} = ${place(filter[name])}`])),
    ...(actor === undefined ? [] : [holds("actor", place(actor))]),
    ...(since === undefined ? [] : [`at >= ${place(since)}`]),
    ...(until === undefined ? [] : [`at < ${place(until)}`]),
  ];
}
