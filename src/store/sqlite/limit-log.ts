import type { AccountLimits, LimitLog } from "../../model/limits.ts";
import type { Row } from "../rows.ts";
import type { Write } from "./batch.ts";

type Sql = {
  readonly all: (text: string, ...values: (string | number)[]) => Row[];
  readonly change: (text: string, ...values: (string | number)[]) => unknown;
};

/** A pause lasts a day at most, so that one that ends so long before another has been over for a day. */
const FORGOTTEN_MS = 2 * 86_400_000;

/** What GitHub's limits have left of each account. No flush: a power failure outlasts the minute that matters most. */
export function sqliteLimitLog({ all, change }: Sql, write: Write): LimitLog {
  const later = (work: () => void) => write(work, { flush: false });
  return {
    async recall(since) {
      const accounts = new Map<string, AccountLimits>();
      const of = (row: Row) =>
        accounts.get(row.account as string) ?? { account: row.account as string, spent: [], pause: undefined };
      for (const row of all("SELECT * FROM github_pauses")) {
        const pause = { until: row.until as number, strikes: row.strikes as number };
        accounts.set(row.account as string, { ...of(row), pause });
      }
      const spending = Map.groupBy(
        all("SELECT * FROM github_spending WHERE at >= ? ORDER BY at", since),
        (row) => row.account,
      );
      for (const rows of spending.values()) {
        const spent = rows.map(({ at, points, writes }) => ({
          at: at as number,
          points: points as number,
          writes: writes as number,
        }));
        accounts.set(rows[0]!.account as string, { ...of(rows[0]!), spent });
      }
      return [...accounts.values()];
    },
    spend: (account, { at, points, writes }, since) =>
      later(() => {
        change("INSERT INTO github_spending VALUES (?, ?, ?, ?)", account, at, points, writes);
        change("DELETE FROM github_spending WHERE at < ?", since);
      }),
    pause: (account, pause) =>
      later(() => {
        change("DELETE FROM github_pauses WHERE account = ? OR until < ?", account, (pause?.until ?? 0) - FORGOTTEN_MS);
        if (pause) change("INSERT INTO github_pauses VALUES (?, ?, ?)", account, pause.until, pause.strikes);
      }),
  };
}
