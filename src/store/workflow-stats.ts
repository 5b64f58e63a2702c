import { isOpen } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";
import {
  LOOKED_THROUGH_RUNS,
  MEASURED_RUNS,
  RECENT_RUNS,
  type RecentRun,
  statsOf,
  type WorkflowStats,
} from "../model/workflow-stats.ts";
import { IS_RARE_END } from "./queries.ts";
import type { Asked } from "./reads.ts";
import { clean, RECENT, type Row, recentRunOf } from "./rows.ts";

/** Enough, unless many runs are open or none of these succeeded. */
const READ_AT_FIRST = MEASURED_RUNS + RECENT_RUNS;

/** SQLite accepts up to 500 parts of a UNION. */
const NAMES_PER_QUERY = 100;

/** The name of a deleted workflow stays until its runs are deleted. A folder that was renamed often has many. */
const MAX_NAMES = 500;

type Reads = Pick<RunStore, "workflowStats" | "workflowNames" | "schedules">;

/**
 * Reads for the workflows' pages. With 30 workflows and 100,000 runs, SQLite reads the figures in 7 ms, with inputs of
 * any length. A workflow without a success takes 4 ms.
 */
export function workflowReads({ dialect, read }: Asked): Reads {
  const { schema, hint, isOfWorkflow } = dialect;
  const runs = `${schema}.runs`;
  const newest = (name: string, most: number) =>
    `SELECT * FROM (SELECT ${RECENT} FROM ${runs} ${hint("by_workflow")} WHERE ${isOfWorkflow(name)}
      ORDER BY workflow DESC, seq DESC LIMIT ${most}) AS newest`;

  /** Reads the rows of several workflows, one part each, since SQLite would sort all runs of several. */
  const ofEach = async (names: readonly string[], part: (name: string) => string) => {
    if (names.length === 0) return new Map<unknown, Row[]>();
    const parts = names.map((_, at) => part(`$${at + 1}`));
    return Map.groupBy(await read(parts.join(" UNION ALL "), names.map(clean)), ({ workflow }) => workflow);
  };

  async function several(names: readonly string[]): Promise<readonly (readonly [string, WorkflowStats])[]> {
    const [first, failed] = await Promise.all([
      ofEach(names, (name) => newest(name, READ_AT_FIRST)),
      ofEach(
        names,
        (name) => `SELECT * FROM (SELECT ${RECENT} FROM ${runs} WHERE status = 'failure' AND ${IS_RARE_END}
          AND ${isOfWorkflow(name)} ORDER BY workflow DESC, seq DESC LIMIT 1) AS failed`,
      ),
    ]);
    return Promise.all(
      names.map(async (name) => {
        const rows = inOrder(first.get(clean(name)) ?? []);
        const isEnough = rows.length < READ_AT_FIRST || hasEnough(rows);
        const [failure] = inOrder(failed.get(clean(name)) ?? []);
        if (isEnough) return [name, statsOf(rows, { failure })] as const;
        const [ended, successes] = await Promise.all([
          read(
            `SELECT * FROM (${newest("$1", LOOKED_THROUGH_RUNS)}) AS looked_through WHERE ended_at IS NOT NULL
             ORDER BY seq DESC LIMIT ${MEASURED_RUNS}`,
            [clean(name)],
          ),
          read(
            `SELECT * FROM (${newest("$1", LOOKED_THROUGH_RUNS)}) AS looked_through WHERE status = 'success'
             ORDER BY seq DESC LIMIT 1`,
            [clean(name)],
          ),
        ]);
        const open = rows.slice(0, RECENT_RUNS).filter(isOpen);
        return [name, statsOf([...open, ...inOrder(ended)], { failure, success: inOrder(successes)[0] })] as const;
      }),
    );
  }

  return {
    async workflowStats(names) {
      const all: (readonly [string, WorkflowStats])[] = [];
      const asked = [...new Set(names)];
      for (let at = 0; at < asked.length; at += NAMES_PER_QUERY) {
        all.push(...(await several(asked.slice(at, at + NAMES_PER_QUERY))));
      }
      return new Map(all);
    },
    async workflowNames() {
      // Goes from name to name in the index, because neither database skips the runs in between.
      const rows = await read(
        `WITH RECURSIVE named (name) AS (
           SELECT min(workflow) FROM ${runs}
           UNION ALL SELECT (SELECT min(workflow) FROM ${runs} WHERE workflow > named.name) FROM named
           WHERE name IS NOT NULL)
         SELECT name FROM named WHERE name IS NOT NULL LIMIT ${MAX_NAMES}`,
      );
      return rows.map(({ name }) => name as string);
    },
    async schedules() {
      const rows = await read(`SELECT workflow, carried_out_until FROM ${schema}.schedules`);
      return new Map(rows.map((row) => [row.workflow as string, row.carried_out_until as number]));
    },
  };
}

function hasEnough(rows: readonly RecentRun[]): boolean {
  const ended = rows.filter((run) => !isOpen(run));
  return ended.length >= MEASURED_RUNS && ended.some(({ status }) => status === "success");
}

function inOrder(rows: readonly Row[]): readonly RecentRun[] {
  return rows.toSorted((a, b) => (b.seq as number) - (a.seq as number)).map(recentRunOf);
}
