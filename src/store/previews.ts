import { isRunId } from "../model/history.ts";
import type { Json } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";
import { type Asked, searchPattern, short } from "./reads.ts";
import { LISTED, listedRunOf, type Row, stepOf } from "./rows.ts";

/** How many of the newest runs one query checks: about 10 ms in SQLite. */
const LOOKED_THROUGH = 2000;

/** A run that was re-run for days has more steps; its page shows them. */
const MAX_STEPS = 5000;

/** Reads for previews: the newest runs of groups, and several runs together, with their steps. */
export function previewReads({ dialect, read }: Asked): Pick<RunStore, "newestOfGroups" | "several"> {
  const { schema, isText, finds, hint } = dialect;
  const runs = `${schema}.runs`;

  return {
    async newestOfGroups({ workflows, text, group }, { limit, cursor }) {
      if (workflows.length === 0) return { found: [], next: undefined };
      const values: (string | number)[] = [];
      const place = (value: string | number) => `$${values.push(value)}`;
      const most = place(LOOKED_THROUGH);
      const its = group === undefined ? "grp IS NOT NULL" : isText("grp", place(group));
      const below = cursor === undefined ? "" : `AND seq < ${place(Number(cursor))}`;
      const index = hint(group === undefined ? "by_workflow" : "by_group");
      const names = new Map(workflows.map(({ name }) => [name, place(name)]));
      // One part per workflow, since SQLite would sort all runs of several.
      const parts = [...names.values()].map(
        (name) => `SELECT * FROM (SELECT seq, id, workflow, grp FROM ${runs} ${index}
          WHERE workflow = ${name} AND ${its} ${below} ORDER BY seq DESC LIMIT ${most}) AS part`,
      );
      const seen = `(SELECT * FROM (${parts.join(" UNION ALL ")}) AS parts ORDER BY seq DESC LIMIT ${most}) AS seen`;
      const looked = [...values];

      const prefixed = workflows.map(({ name, prefix }) => {
        const begins = prefix === "" ? "" : ` AND substr(grp, 1, ${[...prefix].length}) = ${place(prefix)}`;
        return `(workflow = ${names.get(name)}${begins})`;
      });
      const isNewest = `NOT EXISTS (SELECT 1 FROM ${runs} AS newer ${hint("by_group")} WHERE ${isText("newer.grp", "seen.grp")}
        AND newer.workflow = seen.workflow AND newer.seq > seen.seq)`;
      const conditions = [
        `(${prefixed.join(" OR ")})`,
        ...(text === undefined ? [] : [finds("grp", place(searchPattern(text)))]),
        ...(group === undefined ? [isNewest] : []),
      ];
      const rows = await read(
        `SELECT seq, id FROM ${seen} WHERE ${conditions.join(" AND ")} ORDER BY seq DESC LIMIT ${place(limit + 1)}`,
        values,
      );
      const found = rows.slice(0, limit).map(({ seq, id }) => ({ id: id as string, cursor: String(seq) }));
      if (rows.length > limit) return { found, next: found.at(-1)?.cursor };
      const [end] = await read(`SELECT min(seq) AS seq, count(*) AS runs FROM ${seen}`, looked);
      return { found, next: end?.runs === LOOKED_THROUGH ? String(end.seq) : undefined };
    },
    async several(ids) {
      const known = [...new Set(ids)].filter((id) => isRunId(id));
      if (known.length === 0) return [];
      const among = (table: string, column: string) => `${column} IN (${dialect.rows(table, [column], "$1")})`;
      const rows = await read(
        `SELECT ${LISTED}, ${short("input")} AS input FROM ${runs} WHERE ${among("runs", "id")}`,
        [JSON.stringify(known.map((id) => ({ id })))],
      );
      if (rows.length === 0) return [];
      const steps = await read(
        `SELECT run, name, kind, attempt, started_at, ended_at, until, error, ${short("result")} AS result FROM ${schema}.steps
         WHERE ${among("steps", "run")} ORDER BY started_at LIMIT ${MAX_STEPS}`,
        [JSON.stringify(rows.map(({ seq }) => ({ run: seq })))],
      );
      const stepsOf = Map.groupBy(steps, ({ run }) => run);
      return rows.map((row) => ({
        run: { ...listedRunOf(row), input: inputOf(row) },
        steps: (stepsOf.get(row.seq ?? null) ?? []).map(stepOf),
      }));
    },
  };
}

function inputOf({ input }: Row): Json {
  return typeof input === "string" ? (JSON.parse(input) as Json) : null;
}
