import { idsThatBegin, type RunDetail, type RunFilter, type RunPage, type RunStore } from "../../model/store.ts";
import { attemptOf, LISTED, listedRunOf, type Row, runOf, stepOf } from "../rows.ts";
import { searchPattern } from "../rules.ts";
import type { Sql } from "./connect.ts";
import type { Names } from "./names.ts";

/** No index finds a part of a text, so that it is looked for in so many runs at once. */
const LOOKED_THROUGH = 5000;

const SEARCHED =
  "(id::text || ' ' || coalesce(grp, '') || ' ' || coalesce(outputs, '') || ' ' || coalesce(reason, ''))";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export async function getRun(sql: Sql, { own }: Names, id: string): Promise<RunDetail | undefined> {
  if (!UUID.test(id)) return undefined;
  const [row] = await sql(`SELECT * FROM ${own}.runs WHERE id = $1`, [id]);
  if (!row) return undefined;
  const [attempts, steps, superseded] = await Promise.all([
    sql(`SELECT * FROM ${own}.attempts WHERE run = $1 ORDER BY number`, [row.seq]),
    sql(`SELECT * FROM ${own}.steps WHERE run = $1 ORDER BY started_at`, [row.seq]),
    sql(`SELECT id FROM ${own}.runs WHERE superseded_by = $1 ORDER BY seq DESC LIMIT 100`, [id]),
  ]);
  return {
    run: runOf(row),
    attempts: attempts.map(attemptOf),
    steps: steps.map(stepOf),
    superseded: superseded.map((each) => each.id as string),
  };
}

/** One page of runs, newest first. */
export async function listRuns(
  sql: Sql,
  { own }: Names,
  { id, status, workflow, group, text }: RunFilter,
  { limit, cursor }: Parameters<RunStore["list"]>[1],
): Promise<RunPage> {
  const values: unknown[] = [];
  const conditions: string[] = [];
  const where = (condition: (place: string) => string, value: unknown) => {
    if (value !== undefined) conditions.push(condition(`$${values.push(value)}`));
  };
  // Written out: a partial index is not found for a bound value.
  if (status !== undefined) conditions.push(`status = '${status}'`);
  if (id !== undefined) {
    const [first, last] = idsThatBegin(id);
    where((place) => `id >= ${place}`, first);
    where((place) => `id <= ${place}`, last);
  }
  where((place) => `workflow = ${place}`, workflow);
  where((place) => `md5(grp) = md5(${place}) AND grp IS NOT NULL`, group);
  where((place) => `seq < ${place}`, cursor === undefined ? undefined : Number(cursor));
  const source = `FROM ${own}.runs ${conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : ""} ORDER BY seq DESC LIMIT`;

  if (text === undefined) {
    const rows = await sql(`SELECT ${LISTED} ${source} $${values.length + 1}`, [...values, limit + 1]);
    return pageOf(rows, limit, undefined);
  }
  const [most, part, found] = [1, 2, 3].map((nth) => `$${values.length + nth}`);
  const rows = await sql(
    `SELECT * FROM (SELECT ${LISTED} ${source} ${most}) AS looked_through WHERE ${SEARCHED} ~ ${part}
     ORDER BY seq DESC LIMIT ${found}`,
    [...values, LOOKED_THROUGH, searchPattern(text), limit + 1],
  );
  if (rows.length > limit) return pageOf(rows, limit, undefined);
  const [end] = await sql(
    `SELECT min(seq) AS seq, count(*) AS runs FROM (SELECT seq ${source} ${most}) AS looked_through`,
    [...values, LOOKED_THROUGH],
  );
  return pageOf(rows, limit, end?.runs === LOOKED_THROUGH ? String(end.seq) : undefined);
}

function pageOf(rows: readonly Row[], limit: number, further: string | undefined): RunPage {
  const page = rows.slice(0, limit);
  return { runs: page.map(listedRunOf), next: rows.length > limit ? String(page.at(-1)?.seq) : further };
}
