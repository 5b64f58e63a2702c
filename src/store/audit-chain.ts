import { createHash } from "node:crypto";
import type { AuditEntry, AuditRecord, ChainLink, ChainProblem } from "../model/audit.ts";
import { clean } from "./rows.ts";

/**
 * The chain of the audit log. Each record has a hash of its content, its number and the hash of the record before. To
 * remove, change or move a record, one must rewrite all later records.
 */

/**
 * Seals records behind the last one. Texts are cleaned as both databases store them, so that the hash stays valid after
 * a move.
 */
export function sealed(
  last: ChainLink,
  entries: readonly AuditEntry[],
): (AuditRecord & { readonly link: ChainLink })[] {
  let before = last;
  return entries.map((entry) => {
    const record = { ...cleaned(entry), outcome: entry.outcome ?? "done", times: entry.times ?? 1 } as const;
    const number = before.number + 1;
    before = { number, hash: hashOf(record, number, before.hash) };
    return { ...record, link: before };
  });
}

/** Removes undefined values, which no database stores. */
function cleaned<T extends object>(entry: T): T {
  const known = Object.entries(entry).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known.map(([name, value]) => [name, clean(value)])) as T;
}

/** SHA-256, in hex, of a JSON array without spaces. docs/audit.md shows how to compute it with other tools. */
function hashOf(record: Omit<AuditRecord, "link">, number: number, before: string): string {
  const { at, outcome, action, actor, role, via, address, run, workflow, bulk, details, times } = record;
  const who = [actor, role ?? null, via ?? null, address ?? null];
  const what = [outcome, action, run ?? null, workflow ?? null, bulk ?? null, details ?? null, times];
  return createHash("sha256")
    .update(JSON.stringify([before, number, at, ...who, ...what]))
    .digest("hex");
}

/** More problems are not reported. */
const MOST_PROBLEMS = 100;

/**
 * Checks records in the order of the store, oldest first.
 * @param anchor the last record that was deleted because of its age.
 */
export function checkedChain(anchor: ChainLink) {
  const problems: ChainProblem[] = [];
  let last = anchor;
  let checked = 0;
  const found = (kind: ChainProblem["kind"], from: number, to = from) => {
    if (problems.length < MOST_PROBLEMS) problems.push({ kind, from, to });
  };

  return {
    read(record: AuditRecord, { number, hash }: ChainLink): void {
      checked++;
      const next = last.number + 1;
      if (number < next) {
        found("misplaced", number);
        return;
      }
      // If records before it are missing, its hash cannot be checked, because it includes one of theirs.
      if (number > next) found(last === anchor ? "cut_start" : "missing", next, number - 1);
      else if (hash !== hashOf(record, number, last.hash)) found("changed", number);
      last = { number, hash };
    },
    /** @param head the newest record, as the store remembers it. */
    end(head: ChainLink) {
      if (last.number < head.number) found("cut_end", last.number + 1, head.number);
      else if (last.number > head.number) found("misplaced", head.number + 1, last.number);
      else if (last.hash !== head.hash) found("changed", last.number);
      return { checked, problems };
    },
  };
}
