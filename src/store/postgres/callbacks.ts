import type { RunStore } from "../../model/store.ts";
import {
  answer,
  answeredAction,
  callbackOf,
  findCallback,
  hashOf,
  insertCallback,
  KEY,
  newKey,
  secretOf,
} from "../callbacks.ts";
import { isUnderWay, wokenAt } from "../queries.ts";
import { clean } from "../rows.ts";
import type { auditedTransactions } from "./audit.ts";
import type { Database, Sql } from "./connect.ts";
import type { Replica } from "./write.ts";

/** Callbacks in PostgreSQL. */
export function callbacks(
  { sql, transaction }: Pick<Database, "sql" | "transaction">,
  { names, tell }: Replica,
  audited: ReturnType<typeof auditedTransactions>,
): Pick<RunStore, "openCallback" | "callback" | "answerCallback"> {
  const { schema, now } = names;
  const find = findCallback(schema);
  let key: Promise<string> | undefined;
  /** The key from which secrets are derived. The first process creates it. */
  const knownKey = () => {
    key ??= keyIn(sql, schema).catch((error) => {
      key = undefined;
      throw error;
    });
    return key;
  };
  return {
    async openCallback({ run, owner, attempt }, { name, schema: asked }) {
      const known = await knownKey();
      return transaction(async (each) => {
        const [row] = await each(
          `SELECT seq, steps_from FROM ${schema}.runs
           WHERE id = $1 AND ${isUnderWay("runs")} AND owner = $2 AND attempts = $3 FOR SHARE`,
          [run.id, owner, attempt],
        );
        const since = (row?.steps_from as number | undefined) ?? 1;
        const secret = secretOf(known, { run: run.id, name, since });
        const json = asked === undefined ? null : JSON.stringify(asked);
        if (row) void each(insertCallback(schema), [hashOf(secret), row.seq, clean(name), json, since]);
        return secret;
      });
    },
    async callback(secret) {
      const [row] = await sql(find, [hashOf(secret)]);
      return row && callbackOf(row);
    },
    answerCallback: (secret, body, by) =>
      audited(async (each, note) => {
        const hash = hashOf(secret);
        // The run is locked first. So a process that answers or ends the attempt at the same moment sees the other's
        // change.
        const [, [row]] = await Promise.all([
          each(
            `SELECT 1 FROM ${schema}.runs WHERE seq = (SELECT run FROM ${schema}.callbacks WHERE hash = $1)
             FOR NO KEY UPDATE`,
            [hash],
          ),
          each(find, [hash]),
        ]);
        const before = row && callbackOf(row);
        if (!row || before?.state !== "open") return before;
        void each(answer(schema), [hash, JSON.stringify(body), clean(by.actor), by.at]);
        void each(
          `UPDATE ${schema}.runs SET ${wokenAt(now, "least")} WHERE seq = $1 AND status IN ('running', 'waiting')`,
          [row.seq],
        );
        tell(each, { queued: true });
        await note(answeredAction(before, by));
        return before;
      }),
  };
}

async function keyIn(sql: Sql, schema: string): Promise<string> {
  await sql(`INSERT INTO ${schema}.store_keys VALUES ($1, $2) ON CONFLICT DO NOTHING`, [KEY, newKey()]);
  const [row] = await sql(`SELECT value FROM ${schema}.store_keys WHERE name = $1`, [KEY]);
  return row?.value as string;
}
