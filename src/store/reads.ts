import type { RunDetail } from "../model/history.ts";
import type { AccountLimits, Pause, Spending } from "../model/limits.ts";
import type { Paused } from "../model/run-actions.ts";
import type { End, RunStore, Waiting } from "../model/store.ts";
import { endBefore, isPaused } from "./queries.ts";
import { actionOf, attemptOf, type Row, runOf, stepOf, waitingOf } from "./rows.ts";

/** A database that is asked the same in the same words, whichever it is: for all that is not hot. */
export type Asked = {
  readonly dialect: Dialect;
  /** Values are written as `$1`, `$2`. */
  read(text: string, values?: readonly Value[]): Promise<readonly Row[]>;
  /**
   * The same, of the first rows in the order of an index. PostgreSQL's planner guesses that one in 200 runs is of a group, and may
   * read all runs of one that has more before it takes the first.
   */
  readInOrder(text: string, values?: readonly Value[]): Promise<readonly Row[]>;
  /** All of them or none, without waiting for the disk: what a power failure would take may be lost. */
  change(...statements: readonly (readonly [text: string, values: readonly Value[]])[]): Promise<void>;
};

export type Value = string | number | null;

/** What both databases say differently. */
type Dialect = {
  readonly schema: string;
  /** Follows the table whose index its planner does not find by itself. */
  hint(index: string): string;
  /** That a run is of a workflow, for what is read in the order `workflow DESC, seq DESC`. */
  isOfWorkflow(name: string): string;
  /** Whether a column with an index is a text, which may be too long for an index. */
  isText(column: string, value: string): string;
  /** Whether an expression of `searchPattern` finds something in a text. */
  finds(text: string, expression: string): string;
  /** Whether a text has a part, exactly. LIKE takes a hundred times as long where both are one letter, again and again. */
  holds(text: string, part: string): string;
  /** What selects these columns from the objects of a JSON array, to insert them into a table. */
  rows(table: string, columns: readonly string[], json: string): string;
  /** What tells rejected requests apart. */
  readonly rejectedKey: readonly string[];
};

/** What a store is asked about its runs. */
export function runReads(
  asked: Asked,
): Pick<RunStore, "get" | "runs" | "endBefore" | "findSuccess" | "waiting" | "paused"> {
  const { dialect, read } = asked;
  const { schema, isText } = dialect;
  const runs = `${schema}.runs`;
  const previousEnd = endBefore({
    ...{ runs, attempts: `${schema}.attempts` },
    value: (nth) => `$${nth}`,
    isOfGroup: isText("grp", "$3"),
  });
  return {
    get: (id) => getRun(asked, id),
    async runs(ids) {
      const given = JSON.stringify(ids.map((id) => ({ id })));
      return (await read(`SELECT * FROM ${runs} WHERE id IN (${dialect.rows("runs", ["id"], "$1")})`, [given])).map(
        runOf,
      );
    },
    async endBefore({ id, workflow, group, endedAt }) {
      const [end] = await read(previousEnd, [id, workflow, group ?? null, endedAt ?? null]);
      if (!end) return undefined;
      const { outcome, kind, ended_at } = end;
      return { status: outcome, kind: kind ?? undefined, endedAt: ended_at } as End;
    },
    async findSuccess(workflow, dedupeKey, since) {
      const [found] = await read(
        `SELECT id FROM ${runs} WHERE ${isText("dedupe_key", "$1")} AND ended_at >= $2 AND workflow = $3
         AND status = 'success' ORDER BY ended_at DESC LIMIT 1`,
        [dedupeKey, since, workflow],
      );
      return found?.id as string | undefined;
    },
    async paused() {
      const rows = await read(`SELECT workflow, at, actor FROM ${schema}.paused_workflows ORDER BY at, workflow`);
      return rows.map((row) => ({ ...row }) as Paused);
    },
    async waiting() {
      const rows = await read(
        `SELECT 'queued' AS status, kind, ${isPaused(schema)} AS is_paused, count(*) AS count, min(retries_from) AS since
         FROM ${runs} ${dialect.hint("due")} WHERE status = 'queued' GROUP BY 2, 3
         UNION ALL SELECT 'waiting', NULL, ${isPaused(schema)}, count(*), min(retries_from)
         FROM ${runs} ${dialect.hint("waking")} WHERE status = 'waiting' GROUP BY 3`,
      );
      return summed(rows.map(waitingOf));
    },
  };
}

/** A longer value is left out: it may be megabytes, and nothing that is shown of another run is. */
const MAX_VALUE_BYTES = 65_536;

/** A column that is null where its value is longer than that. */
export const short = (column: string) => `CASE WHEN octet_length(${column}) <= ${MAX_VALUE_BYTES} THEN ${column} END`;

/** One for each reason. */
function summed(all: readonly Waiting[]): readonly Waiting[] {
  const byReason = Map.groupBy(all, ({ reason }) => reason);
  return [...byReason].map(([reason, those]) => ({
    reason,
    count: those.reduce((sum, { count }) => sum + count, 0),
    since: Math.min(...those.map(({ since }) => since)),
  }));
}

async function getRun({ dialect: { schema }, read }: Asked, id: string): Promise<RunDetail | undefined> {
  const [row] = await read(`SELECT * FROM ${schema}.runs WHERE id = $1`, [id]);
  if (!row) return undefined;
  const seq = [row.seq as number];
  const isWaiting = row.status === "waiting";
  const [attempts, steps, superseded, actions, keys] = await Promise.all([
    read(`SELECT * FROM ${schema}.attempts WHERE run = $1 ORDER BY number`, seq),
    read(`SELECT * FROM ${schema}.steps WHERE run = $1 ORDER BY started_at`, seq),
    read(`SELECT id FROM ${schema}.runs WHERE superseded_by = $1 ORDER BY seq DESC LIMIT 100`, [id]),
    read(`SELECT * FROM ${schema}.actions WHERE run = $1 AND outcome = 'done' ORDER BY seq`, [id]),
    isWaiting ? read(`SELECT key FROM ${schema}.wake_keys WHERE run = $1 ORDER BY key`, seq) : [],
  ]);
  return {
    run: runOf(row),
    attempts: attempts.map(attemptOf),
    steps: steps.map(stepOf),
    superseded: superseded.map((each) => each.id as string),
    ...(isWaiting && { wakeKeys: keys.map(({ key }) => key as string) }),
    actions: actions.map(actionOf),
  };
}

/**
 * A regular expression, for JavaScript (flag `u`) and PostgreSQL alike, that finds a text in any case. Neither database's
 * lower() will do: SQLite's knows ASCII alone, and PostgreSQL's what the database's locale knows. A letter whose other
 * case is two letters, such as ß, is found as it is.
 */
export function searchPattern(text: string): string {
  return [...text]
    .map((letter) => {
      const cases = [...new Set([letter, letter.toLowerCase(), letter.toUpperCase()])];
      const single = cases.filter((each) => [...each].length === 1);
      return single.length > 1 ? `[${single.join("")}]` : letter.replace(/[\^$\\.*+?()[\]{}|/]/, "\\$&");
    })
    .join("");
}

/** What GitHub's limits have left of each account; spending from `since` on (epoch milliseconds). */
export async function recallLimits(
  { dialect: { schema }, read }: Asked,
  since: number,
): Promise<readonly AccountLimits[]> {
  const [pauses, rows] = await Promise.all([
    read(`SELECT account, until, strikes FROM ${schema}.github_pauses`),
    read(`SELECT account, at, points, writes FROM ${schema}.github_spending WHERE at >= $1 ORDER BY at`, [since]),
  ]);
  const pauseOf = new Map(pauses.map(({ account, ...pause }) => [account, pause as Pause]));
  const spentBy = Map.groupBy(rows, ({ account }) => account);
  return [...new Set([...spentBy.keys(), ...pauseOf.keys()])].map((account) => ({
    account: account as string,
    spent: (spentBy.get(account) ?? []).map(({ account: _, ...spent }) => spent as Spending),
    pause: pauseOf.get(account),
  }));
}
