import { HELD_MS, type Pause, type SharedLimits, type Spending } from "../../model/limits.ts";
import type { Database } from "./connect.ts";
import { lockKey, type Names } from "./names.ts";
import type { Newsroom } from "./news.ts";
import type { Presence } from "./presence.ts";

export type SharedLimitsNeeds = {
  readonly database: Database;
  readonly names: Names;
  readonly news: Newsroom;
  readonly presence: Presence;
  /** Tells what this process has spent from what the others have. */
  readonly owner: string;
};

type Known = { readonly pause: Pause | null; readonly spent: readonly Spending[]; readonly shown: number };

/** How the processes of a deployment keep GitHub's limits together: who spends for an account has its lock. */
export function sharedLimits({ database, names, news, presence, owner }: SharedLimitsNeeds): SharedLimits {
  const { sql, transaction } = database;
  const [spending, pauses] = [`${names.schema}.github_spending`, `${names.schema}.github_pauses`];
  return {
    async admit(account, { now, since }, decide) {
      await transaction(async (each) => {
        // A statement of its own: what comes after it sees what the one before has stored.
        await each("SELECT pg_advisory_xact_lock($1)", [lockKey(`limits\n${names.schema}\n${account}`)]);
        const [known] = await each(
          `SELECT (SELECT json_build_object('until', until, 'strikes', strikes) FROM ${pauses} WHERE account = $1) AS pause,
             (SELECT coalesce(json_agg(one ORDER BY one.at), '[]') FROM (
                SELECT CASE WHEN held_until > $3 THEN greatest(at, $3) ELSE at END AS at, points, writes
                FROM ${spending} WHERE account = $1 AND owner <> $2
                  AND (at > $4 OR (writes > 0 AND at > $5) OR held_until > $3)) AS one) AS spent,
             ${presence.count} AS shown`,
          [account, owner, now, since.points, since.writes],
        );
        const { pause, spent, shown } = known as unknown as Known;
        const shownForMs = presence.shownForMs();
        const replicas = { count: shownForMs === undefined ? shown + 1 : shown, countedForMs: shownForMs ?? 0 };
        const admitted = decide({ spent, pause: pause ?? undefined, replicas });
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
