import type { RunDetail } from "../model/history.ts";
import type { AccountLimits, Pause, Spending } from "../model/limits.ts";
import type { Paused } from "../model/run-actions.ts";
import type { End, RunStore, Waiting } from "../model/store.ts";
import { endBefore, isPaused } from "./queries.ts";
import { actionOf, attemptOf, type Row, runOf, stepOf, waitingOf } from "./rows.ts";

/** A database with the same interface as the other, for everything that need not be fast. */
export type Asked = {
  readonly dialect: Dialect;
  /** Values are written as `$1`, `$2`. */
  read(text: string, values?: readonly Value[]): Promise<readonly Row[]>;
  /**
   * Reads the first rows in the order of an index. PostgreSQL's planner estimates that one in 200 runs is of a group.
   * If a group has more, the planner may read all of them before it returns the first.
   */
  readInOrder(text: string, values?: readonly Value[]): Promise<readonly Row[]>;
  /** All statements or none, without waiting for the disk: a power failure may lose them. */
  change(...statements: readonly (readonly [text: string, values: readonly Value[]])[]): Promise<void>;
};

export type Value = string | number | null;

/** The differences between the databases' SQL. */
type Dialect = {
  readonly schema: string;
  /** Follows a table whose index the planner does not find alone. */
  hint(index: string): string;
  /** Whether a run is of a workflow, for reads in the order `workflow DESC, seq DESC`. */
  isOfWorkflow(name: string): string;
  /** Whether an indexed column has this text, which may be too long for an index. */
  isText(column: string, value: string): string;
  /** Whether an expression of `searchPattern` matches a text. */
  finds(text: string, expression: string): string;
  /** Whether a text contains a part, exactly. LIKE takes a hundred times as long if both repeat one letter. */
  holds(text: string, part: string): string;
  /** Selects these columns from the objects of a JSON array, to insert them into a table. */
  rows(table: string, columns: readonly string[], json: string): string;
  /** The columns that identify a kind of rejected request. */
  readonly rejectedKey: readonly string[];
};

/** A store's answers about its runs. */
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

/** Longer values are omitted: they may have megabytes, and other runs' pages show nothing that long. */
const MAX_VALUE_BYTES = 65_536;

/** A column that is null if its value is longer than that. */
export const short = (column: string) => `CASE WHEN octet_length(${column}) <= ${MAX_VALUE_BYTES} THEN ${column} END`;

/** One entry per reason. */
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
 * A regular expression that finds a text in any case, in JavaScript (flag `u`) and in PostgreSQL. Neither database's
 * lower() works: SQLite's only knows ASCII, and PostgreSQL's depends on the database's locale. A letter whose other
 * case has two letters, such as ß, must match exactly.
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

/** What GitHub's limits have left for each account. `since`: the start of the spending (epoch milliseconds). */
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
