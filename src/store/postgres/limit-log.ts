import type { AccountLimits, LimitLog } from "../../model/limits.ts";
import type { Database } from "./connect.ts";
import type { Names } from "./names.ts";

/** A pause lasts a day at most, so that one that ends so long before another has been over for a day. */
const FORGOTTEN_MS = 2 * 86_400_000;

/** What GitHub's limits have left of each account. */
export function postgresLimitLog({ sql, transaction }: Database, { own }: Names): LimitLog {
  return {
    async recall(since) {
      const [pauses, spending] = await Promise.all([
        sql(`SELECT * FROM ${own}.github_pauses`),
        sql(`SELECT * FROM ${own}.github_spending WHERE at >= $1 ORDER BY at`, [since]),
      ]);
      const spent = Map.groupBy(spending, ({ account }) => account as string);
      const paused = new Map(pauses.map((row) => [row.account as string, row]));
      return [...new Set([...spent.keys(), ...paused.keys()])].map((account): AccountLimits => {
        const pause = paused.get(account);
        return {
          account,
          spent: (spent.get(account) ?? []).map(({ at, points, writes }) => ({
            at: at as number,
            points: points as number,
            writes: writes as number,
          })),
          pause: pause && { until: pause.until as number, strikes: pause.strikes as number },
        };
      });
    },
    async spend(account, { at, points, writes }, since) {
      await sql(
        `WITH gone AS (DELETE FROM ${own}.github_spending WHERE account = $1 AND at < $5)
         INSERT INTO ${own}.github_spending VALUES ($1, $2, $3, $4)`,
        [account, at, points, writes, since],
      );
    },
    async pause(account, pause) {
      await transaction(async (each) => {
        await each(`DELETE FROM ${own}.github_pauses WHERE account = $1 OR until < $2`, [
          account,
          (pause?.until ?? 0) - FORGOTTEN_MS,
        ]);
        if (pause)
          await each(`INSERT INTO ${own}.github_pauses VALUES ($1, $2, $3)`, [account, pause.until, pause.strikes]);
      });
    },
  };
}
