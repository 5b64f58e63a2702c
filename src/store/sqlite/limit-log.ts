import type { LimitLog } from "../../model/limits.ts";
import { type Asked, recallLimits } from "../reads.ts";
import type { Write } from "./batch.ts";
import type { Sql } from "./statements.ts";

/** A pause lasts at most one day. So a pause that ends this long before another has been over for a day. */
const FORGOTTEN_MS = 2 * 86_400_000;

/**
 * What GitHub's limits have left for each account. Not flushed: a power failure takes longer than the minute that
 * matters most.
 */
export function sqliteLimitLog(
  { all, change }: Pick<Sql, "all" | "change">,
  { asked, write }: { asked: Asked; write: Write },
): LimitLog {
  const later = (work: () => void) => write(work, { flush: false });
  /** Points of reads that the account's next write stores. Losing a write matters, losing a read hardly does. */
  const unnoted = new Map<string, number>();
  /** The rows of reservations. */
  const reserved = new Map<string, number>();
  return {
    recall: (since) => recallLimits(asked, since),
    async admit(account, { since }, decide) {
      for (const { id, at, points, writes } of decide(undefined)) {
        const sum = (unnoted.get(account) ?? 0) + points;
        unnoted.set(account, writes === 0 ? sum : 0);
        if (writes === 0) continue;
        later(() => {
          const row = all(
            "INSERT INTO github_spending VALUES (?, ?, ?, ?) RETURNING rowid",
            account,
            at,
            sum,
            writes,
          )[0]!;
          if (id !== undefined) reserved.set(id, row.rowid as number);
          change("DELETE FROM github_spending WHERE at < ?", Math.min(since.points, since.writes));
        }).catch(() => {});
      }
    },
    settle: (id, at) =>
      later(() => {
        const row = reserved.get(id);
        reserved.delete(id);
        if (row === undefined) return;
        if (at === undefined) change("DELETE FROM github_spending WHERE rowid = ?", row);
        else change("UPDATE github_spending SET at = ? WHERE rowid = ?", at, row);
      }),
    pause: (account, pause) =>
      later(() => {
        change("DELETE FROM github_pauses WHERE account = ? OR until < ?", account, (pause?.until ?? 0) - FORGOTTEN_MS);
        if (pause) change("INSERT INTO github_pauses VALUES (?, ?, ?)", account, pause.until, pause.strikes);
      }),
    hear: () => () => {},
  };
}
