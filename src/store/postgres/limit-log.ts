import { type LimitLog, type Others, PRESENT_MS, RESERVED_MS } from "../../model/limits.ts";
import { type Asked, recallLimits } from "../reads.ts";
import type { Row } from "../rows.ts";
import type { Database } from "./connect.ts";
import { lockKey, type Names } from "./names.ts";
import type { Newsroom } from "./news.ts";

/** A pause lasts at most one day. So a pause that ends this long before another has been over for a day. */
const FORGOTTEN_MS = 2 * 86_400_000;

/**
 * What GitHub's limits have left for each account, for all processes together. A process that spends holds the
 * account's lock.
 * @param owner distinguishes this process's spending from that of the others.
 */
export function postgresLimitLog({
  asked,
  database,
  names,
  news,
  owner,
}: {
  asked: Asked;
  database: Database;
  names: Names;
  news: Newsroom;
  owner: string;
}): LimitLog {
  const { sql, transaction } = database;
  const [spending, pauses] = [`${names.schema}.github_spending`, `${names.schema}.github_pauses`];
  /** A replica that wrote after this time is active. By the database's clock, since the replicas' clocks differ. */
  const present = `${names.now} - ${PRESENT_MS}`;
  return {
    recall: (since) => recallLimits(asked, since),
    async admit(account, { now, since }, decide) {
      await transaction(async (each) => {
        // A separate statement, so that the next one sees what the previous lock holder stored.
        await each("SELECT pg_advisory_xact_lock($1)", [lockKey(`limits\n${names.schema}\n${account}`)]);
        const [known] = await each(
          `SELECT (SELECT json_build_object('until', until, 'strikes', strikes) FROM ${pauses} WHERE account = $1) AS pause,
             (SELECT coalesce(json_agg(one ORDER BY one.at), '[]') FROM (
                SELECT CASE WHEN held_until > $3 THEN greatest(at, $3) ELSE at END AS at, points, writes
                FROM ${spending} WHERE account = $1 AND owner <> $2
                  AND (at > $4 OR (writes > 0 AND at > $5) OR held_until > $3)) AS one) AS spent,
             (SELECT count(DISTINCT owner) FROM ${spending}
              WHERE account = $1 AND owner <> $2 AND written_at > ${present}) AS replicas`,
          [account, owner, now, since.points, since.writes],
        );
        const { pause, spent, replicas } = known as Others & Row;
        const admitted = decide({ spent, pause: pause ?? undefined, replicas });
        if (admitted.length === 0) return;
        await each(
          `WITH gone AS (
             DELETE FROM ${spending} WHERE account = $1 AND at <= $4 AND (writes = 0 OR at <= $5)
               AND coalesce(held_until, 0) <= $3 AND written_at <= ${present})
           INSERT INTO ${spending} (id, account, owner, at, points, writes, held_until, written_at)
           SELECT coalesce(id, gen_random_uuid()), $1, $2, at, points, writes,
             CASE WHEN id IS NOT NULL THEN at + $6 END, ${names.now}
           FROM json_to_recordset($7) AS new (id uuid, at bigint, points integer, writes integer)`,
          [account, owner, now, since.points, since.writes, RESERVED_MS, JSON.stringify(admitted)],
        );
      });
    },
    async settle(id, at) {
      if (at === undefined) await sql(`DELETE FROM ${spending} WHERE id = $1`, [id]);
      else await sql(`UPDATE ${spending} SET at = $2, held_until = NULL WHERE id = $1`, [id, at]);
    },
    async pause(account, pause, over) {
      await transaction(async (each) => {
        if (pause) {
          // Two replicas that meet one limit both report it. The longer pause counts, as one strike.
          await each(
            `INSERT INTO ${pauses} AS known VALUES ($1, $2, $3) ON CONFLICT (account) DO UPDATE
             SET until = greatest(known.until, excluded.until), strikes = greatest(known.strikes, excluded.strikes)`,
            [account, pause.until, pause.strikes],
          );
          await each(`DELETE FROM ${pauses} WHERE until < $1`, [pause.until - FORGOTTEN_MS]);
        } else {
          // A pause that began later, and is not known here yet, stays.
          const until = over?.until ?? Number.MAX_SAFE_INTEGER;
          await each(`DELETE FROM ${pauses} WHERE account = $1 AND until <= $2`, [account, until]);
        }
        const told = pause ?? over;
        if (told) news.tell(each, { limits: { account, pause: told, isOver: pause === undefined } });
      });
    },
    hear: (listener) =>
      news.hear(({ limits, missed }) => {
        if (limits) listener(limits);
        if (missed) listener({ missed });
      }),
  };
}
