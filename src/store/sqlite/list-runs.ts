import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import type { RunStatus } from "../../model/run.ts";
import { idsThatBegin, type RunFilter, type RunPage, type RunStore } from "../../model/store.ts";
import { LISTED, listedRunOf, type Row } from "../rows.ts";
import { searchPattern } from "../rules.ts";

/** No index finds a part of a text, so that it is looked for in so many runs at once: about 10 ms of them. */
const LOOKED_THROUGH = 5000;

const SEARCHED = "(id || ' ' || coalesce(grp, '') || ' ' || coalesce(outputs, '') || ' ' || coalesce(reason, ''))";

/** One page of runs, newest first. */
export function listRuns(
  all: (text: string, ...values: SQLInputValue[]) => Row[],
  { id, status, workflow, group, text }: RunFilter,
  { limit, cursor }: Parameters<RunStore["list"]>[1],
): RunPage {
  const conditions: string[] = [];
  const values: SQLInputValue[] = [];
  const where = (condition: string, value: SQLInputValue | undefined) => {
    if (value === undefined) return;
    conditions.push(condition);
    values.push(value);
  };
  // Written out: a partial index is not found for a bound value, nor without the words of its own condition.
  if (status !== undefined) conditions.push(`status = '${status}'`);
  if (status !== undefined && RARE_ENDS.includes(status)) conditions.push(IS_RARE_END);
  if (id !== undefined) {
    const [first, last] = idsThatBegin(id);
    where("id >= ?", first);
    where("id <= ?", last);
  }
  where("workflow = ?", workflow);
  where("grp = ?", group);
  where("seq < ?", cursor === undefined ? undefined : Number(cursor));
  const source = `FROM runs ${indexFor(status)} ${conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : ""} ORDER BY seq DESC LIMIT ?`;

  if (text === undefined) {
    const rows = all(`SELECT ${LISTED} ${source}`, ...values, limit + 1);
    return pageOf(rows, limit, undefined);
  }
  const rows = all(
    `SELECT * FROM (SELECT ${LISTED} ${source}) WHERE matches(?, ${SEARCHED}) ORDER BY seq DESC LIMIT ?`,
    ...values,
    LOOKED_THROUGH,
    searchPattern(text),
    limit + 1,
  );
  if (rows.length > limit) return pageOf(rows, limit, undefined);
  const [end] = all(`SELECT min(seq) AS seq, count(*) AS runs FROM (SELECT seq ${source})`, ...values, LOOKED_THROUGH);
  return pageOf(rows, limit, end?.runs === LOOKED_THROUGH ? String(end.seq) : undefined);
}

function pageOf(rows: readonly Row[], limit: number, further: string | undefined): RunPage {
  const page = rows.slice(0, limit);
  return { runs: page.map(listedRunOf), next: rows.length > limit ? String(page.at(-1)?.seq) : further };
}

/** Without a hint the planner takes the newest runs and goes through all that have ended. */
function indexFor(status: RunStatus | undefined): string {
  if (status === "queued") return "INDEXED BY due";
  if (status === "running") return "INDEXED BY leased";
  return "";
}

/** How few runs end; see the indexes of the same names in migrations.ts. */
const RARE_ENDS: readonly RunStatus[] = ["failure", "skipped", "superseded"];
const IS_RARE_END = "(status = 'failure' OR status = 'skipped' OR status = 'superseded')";

/** Gives a database the function that the list finds texts with. */
export function addMatches(db: DatabaseSync): void {
  let known = { pattern: "", expression: /(?:)/u };
  db.function("matches", { deterministic: true }, (pattern, text) => {
    if (pattern !== known.pattern)
      known = { pattern: pattern as string, expression: new RegExp(pattern as string, "u") };
    return known.expression.test(text as string) ? 1 : 0;
  });
}
