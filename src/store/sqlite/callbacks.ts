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
import { wokenAt } from "../queries.ts";
import type { Row } from "../rows.ts";
import type { auditedWrites } from "./audit.ts";
import type { Write } from "./batch.ts";
import { rowOf } from "./runs.ts";
import type { Sql } from "./statements.ts";

/** Callbacks in SQLite. */
export function callbacks(
  sql: Sql,
  {
    read,
    write,
    audited,
    now,
  }: {
    read: <T>(work: () => T) => Promise<T>;
    write: Write;
    audited: ReturnType<typeof auditedWrites>;
    now: () => number;
  },
): Pick<RunStore, "openCallback" | "callback" | "answerCallback"> {
  const find = (secret: string): Row | undefined => sql.one(FIND, hashOf(secret));
  return {
    openCallback: (claim, { name, schema }) =>
      write(() => {
        const row = rowOf(sql, claim);
        const since = row?.steps_from ?? 1;
        const secret = secretOf(keyIn(sql), { run: claim.run.id, name, since });
        const asked = schema === undefined ? null : JSON.stringify(schema);
        if (row) sql.change(INSERT, hashOf(secret), row.seq, name, asked, since);
        return secret;
      }),
    callback: (secret) =>
      read(() => {
        const row = find(secret);
        return row && callbackOf(row);
      }),
    answerCallback: (secret, body, by) =>
      audited((note) => {
        const row = find(secret);
        const before = row && callbackOf(row);
        if (!row || before?.state !== "open") return before;
        sql.change(ANSWER, hashOf(secret), JSON.stringify(body), by.actor, by.at);
        sql.change(WAKE, now(), row.seq as number);
        note(answeredAction(before, by));
        return before;
      }),
  };
}

const FIND = findCallback("main");
const INSERT = insertCallback("main");
const ANSWER = answer("main");
const WAKE = `UPDATE runs SET ${wokenAt("$1", "min")} WHERE seq = $2 AND (status = 'running' OR status = 'waiting')`;

/** The key from which secrets are derived. It is created once. */
function keyIn(sql: Sql): string {
  sql.change("INSERT INTO store_keys VALUES (?, ?) ON CONFLICT DO NOTHING", KEY, newKey());
  return sql.one("SELECT value FROM store_keys WHERE name = ?", KEY)?.value as string;
}
