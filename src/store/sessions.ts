import type { Session, Sessions } from "../model/session.ts";
import { clean, type Row } from "./rows.ts";

/**
 * A session that starts further in the future than this was started with a wrong clock, and would last too long. The
 * clocks of replicas differ by less.
 */
const AHEAD_MS = 3_600_000;

/** A limit for an actor who signs in repeatedly. Many people may share one token. */
const MOST_OF_ONE_ACTOR = 1000;

/**
 * Sessions in both databases.
 * @param write runs one statement, which is on disk when it resolves: an ended session must not come back.
 */
export function sessions(
  schema: string,
  read: (text: string, values: readonly (string | number)[]) => Promise<readonly Row[]>,
  write: (text: string, values: readonly (string | number | null)[]) => Promise<readonly Row[]>,
): Sessions {
  const table = `${schema}.sessions`;
  return {
    async start(hash, { actor, via, credential, person, startedAt, endsAt }) {
      const values = [hash, clean(actor), via, credential, person ? JSON.stringify(person) : null, startedAt, endsAt];
      await write(`DELETE FROM ${table} WHERE ends_at <= $1 OR started_at > $2`, [startedAt, startedAt + AHEAD_MS]);
      await write(
        `INSERT INTO ${table} (hash, actor, via, credential, person, started_at, ends_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        values,
      );
      await write(
        `DELETE FROM ${table} WHERE hash IN (SELECT hash FROM ${table} WHERE actor = $1
           ORDER BY started_at DESC, hash LIMIT ${MOST_OF_ONE_ACTOR} OFFSET ${MOST_OF_ONE_ACTOR})`,
        [clean(actor)],
      );
    },
    async find(hash, now) {
      const isOn = "ends_at > $2 AND started_at <= $3";
      const [row] = await read(`SELECT * FROM ${table} WHERE hash = $1 AND ${isOn}`, [hash, now, now + AHEAD_MS]);
      return row && sessionOf(row);
    },
    end: async (hash) => (await write(`DELETE FROM ${table} WHERE hash = $1 RETURNING hash`, [hash])).length > 0,
    endAll: async (actor) =>
      (await write(`DELETE FROM ${table} WHERE actor = $1 RETURNING hash`, [clean(actor)])).length,
  };
}

function sessionOf(row: Row): Session {
  return {
    actor: row.actor as string,
    via: row.via as Session["via"],
    credential: row.credential as string,
    person: row.person === null ? undefined : (JSON.parse(row.person as string) as Session["person"]),
    startedAt: row.started_at as number,
    endsAt: row.ends_at as number,
  };
}
