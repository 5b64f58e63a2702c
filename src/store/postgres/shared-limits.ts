import { HELD_MS, type Pause, type SharedLimits, type Spending } from "../../model/limits.ts";
import type { Row } from "../rows.ts";
import type { Database } from "./connect.ts";
import { lockKey, type Names } from "./names.ts";
import type { Newsroom } from "./news.ts";

export type SharedLimitsNeeds = {
  readonly database: Database;
  readonly names: Names;
  readonly news: Newsroom;
  /** Tells what this process has spent from what the others have. */
  readonly owner: string;
};

/** How the processes of a deployment keep GitHub's limits together: who spends for an account has its lock. */
export function sharedLimits({ database, names, news, owner }: SharedLimitsNeeds): SharedLimits {
  const { sql, transaction } = database;
  const [spending, pauses] = [`${names.own}.github_spending`, `${names.own}.github_pauses`];
  return {
    async admit(account, { now, since }, decide) {
      await transaction(async (each) => {
        // A statement of its own: what comes after it sees what the one before has stored.
        await each("SELECT pg_advisory_xact_lock($1)", [lockKey(`limits\n${names.own}\n${account}`)]);
        const rows = await each(
          `SELECT CASE WHEN held_until > $3 THEN greatest(at, $3) ELSE at END AS at, points, writes
           FROM ${spending} WHERE account = $1 AND owner <> $2
             AND (at > $4 OR (writes > 0 AND at > $5) OR held_until > $3) ORDER BY 1`,
          [account, owner, now, since.points, since.writes],
        );
        const [paused] = await each(`SELECT * FROM ${pauses} WHERE account = $1`, [account]);
        const admitted = decide({ spent: rows.map(spendingOf), pause: pauseIn(paused) });
        if (admitted.length === 0) return;
        await each(
          `WITH gone AS (
             DELETE FROM ${spending} WHERE account = $1 AND at <= $4 AND (writes = 0 OR at <= $5)
               AND coalesce(held_until, 0) <= $3)
           INSERT INTO ${spending} (id, account, owner, at, points, writes, held_until)
           SELECT coalesce(id, gen_random_uuid()), $1, $2, at, points, writes, CASE WHEN id IS NOT NULL THEN at + $6 END
           FROM json_to_recordset($7) AS new (id uuid, at bigint, points integer, writes integer)`,
          [account, owner, now, since.points, since.writes, HELD_MS, JSON.stringify(admitted)],
        );
      });
    },
    async settle(id, at) {
      if (at === undefined) await sql(`DELETE FROM ${spending} WHERE id = $1`, [id]);
      else await sql(`UPDATE ${spending} SET at = $2, held_until = NULL WHERE id = $1`, [id, at]);
    },
    hear: (listener) =>
      news.hear(({ limits, missed }) => {
        if (limits) listener(limits);
        if (missed) listener({ missed });
      }),
  };
}

export function spendingOf({ at, points, writes }: Row): Spending {
  return { at: at as number, points: points as number, writes: writes as number };
}

export function pauseIn(row: Row | undefined): Pause | undefined {
  return row && { until: row.until as number, strikes: row.strikes as number };
}
