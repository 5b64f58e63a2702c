import type { AccountLimits, LimitLog, Pause, Spending } from "../../model/limits.ts";
import type { Row } from "../rows.ts";
import { type SharedLimitsNeeds, sharedLimits } from "./shared-limits.ts";

/** A pause lasts a day at most, so that one that ends so long before another has been over for a day. */
const FORGOTTEN_MS = 2 * 86_400_000;

/** What GitHub's limits have left of each account, kept by all processes together. */
export function postgresLimitLog(needs: SharedLimitsNeeds): LimitLog {
  const { database, names, news, owner } = needs;
  const { sql, transaction } = database;
  const [spending, pauses] = [`${names.schema}.github_spending`, `${names.schema}.github_pauses`];
  return {
    async recall(since) {
      const [paused, rows] = await Promise.all([
        sql(`SELECT * FROM ${pauses}`),
        sql(`SELECT * FROM ${spending} WHERE at >= $1 ORDER BY at`, [since]),
      ]);
      const spent = Map.groupBy(rows, ({ account }) => account as string);
      const pauseOf = new Map(paused.map((row) => [row.account as string, row]));
      return [...new Set([...spent.keys(), ...pauseOf.keys()])].map(
        (account): AccountLimits => ({
          account,
          spent: (spent.get(account) ?? []).map(spendingOf),
          pause: pauseIn(pauseOf.get(account)),
        }),
      );
    },
    async spend(account, { at, points, writes }, since) {
      await sql(
        `WITH gone AS (DELETE FROM ${spending} WHERE account = $1 AND at < $6)
         INSERT INTO ${spending} (account, owner, at, points, writes) VALUES ($1, $2, $3, $4, $5)`,
        [account, owner, at, points, writes, since],
      );
    },
    async pause(account, pause, over) {
      await transaction(async (each) => {
        if (pause) {
          // Two that meet one limit together tell it both: the longer one counts, and it is one strike.
          await each(
            `INSERT INTO ${pauses} AS known VALUES ($1, $2, $3) ON CONFLICT (account) DO UPDATE
             SET until = greatest(known.until, excluded.until), strikes = greatest(known.strikes, excluded.strikes)`,
            [account, pause.until, pause.strikes],
          );
          await each(`DELETE FROM ${pauses} WHERE until < $1`, [pause.until - FORGOTTEN_MS]);
        } else {
          // One that began later, and is not known here yet, stays.
          const until = over?.until ?? Number.MAX_SAFE_INTEGER;
          await each(`DELETE FROM ${pauses} WHERE account = $1 AND until <= $2`, [account, until]);
        }
        const told = pause ?? over;
        if (told) news.tell(each, { limits: { account, pause: told, isOver: pause === undefined } });
      });
    },
    shared: sharedLimits(needs),
  };
}

function spendingOf({ at, points, writes }: Row): Spending {
  return { at: at as number, points: points as number, writes: writes as number };
}

function pauseIn(row: Row | undefined): Pause | undefined {
  return row && { until: row.until as number, strikes: row.strikes as number };
}
