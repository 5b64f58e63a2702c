import type { RunStatus, Trigger } from "../model/run.ts";
import type { Asked } from "./reads.ts";
import type { Row } from "./rows.ts";
import { documentOf } from "./search-document.ts";

/** A longer input is not read completely: it would use memory that events need. */
const MAX_INPUT_BYTES = 131_072;
const MAX_OUTPUT_BYTES = 65_536;
/** How much of a longer input is read, at its beginning and at its end. */
const PIECE_CHARACTERS = 16_384;

/** How many of a run's newest steps, attempts and log lines are read. Actions are limited for several runs together. */
const [MAX_STEPS, MAX_ATTEMPTS, MAX_LINES, MAX_ACTIONS] = [50, 20, 100, 50];
const MAX_TEXT_CHARACTERS = 500;
const MAX_SENT_CHARACTERS = 4000;

/** Queries for the parts of runs' documents. Each takes the result of `numbersOf`. */
export function sourceQueries({ schema, rows }: Asked["dialect"]): readonly string[] {
  const short = (column: string) => `substr(${column}, 1, ${MAX_TEXT_CHARACTERS})`;
  const newest = (table: string, columns: string, order: string, most: number) =>
    `SELECT * FROM (SELECT run, ${columns}, row_number() OVER (PARTITION BY run ORDER BY ${order}) AS nth
      FROM ${schema}.${table} WHERE run IN (${rows("steps", ["run"], "$1")})) AS newest WHERE nth <= ${most} ORDER BY nth`;
  return [
    `SELECT seq, id, workflow, grp, title, status, trigger_kind, actor, cancel_actor, substr(reason, 1, 2000) AS reason,
      CASE WHEN octet_length(input) <= ${MAX_INPUT_BYTES} THEN input END AS input,
      CASE WHEN octet_length(input) > ${MAX_INPUT_BYTES} THEN substr(input, 1, ${PIECE_CHARACTERS}) || ' ' ||
        substr(input, length(input) - ${PIECE_CHARACTERS}) ELSE '' END AS pieces,
      CASE WHEN octet_length(outputs) <= ${MAX_OUTPUT_BYTES} THEN outputs ELSE substr(outputs, 1, 2000) END AS outputs
     FROM ${schema}.runs WHERE seq IN (${rows("runs", ["seq"], "$1")})`,
    newest(
      "steps",
      `name, ${short("error")} AS error, ${short("result")} AS result`,
      "started_at DESC, name",
      MAX_STEPS,
    ),
    newest(
      "attempts",
      `${short("reason")} AS reason, substr(sent, 1, ${MAX_SENT_CHARACTERS}) AS sent`,
      "number DESC",
      MAX_ATTEMPTS,
    ),
    newest(
      "log_lines",
      `${short("message")} AS message, ${short("facts")} AS facts`,
      "attempt DESC, number DESC",
      MAX_LINES,
    ),
    `SELECT runs.seq AS run, done.actor, ${short("done.details")} AS details FROM ${schema}.runs
      JOIN ${schema}.actions AS done ON done.run = runs.id AND done.outcome = 'done'
      WHERE runs.seq IN (${rows("runs", ["seq"], "$1")}) ORDER BY done.seq DESC LIMIT ${MAX_ACTIONS * 20}`,
  ];
}

/** Whether a queued change belongs to a run older than all stored runs. */
export function isForgotten(schema: string): string {
  return `run < (SELECT min(seq) FROM ${schema}.runs)`;
}

/** The numbers of runs, as `sourceQueries` takes them. */
export function numbersOf(runs: readonly number[]): string {
  return JSON.stringify(runs.map((run) => ({ seq: run, run })));
}

/** The documents of runs by number. A deleted run has none. */
export function documentsFrom([runs, ...others]: readonly (readonly Row[])[]): ReadonlyMap<number, string> {
  const [steps, attempts, lines, actions] = others.map((rows) => Map.groupBy(rows, ({ run }) => run));
  const of = (rows: typeof steps, { seq = null }: Row) => rows?.get(seq) ?? [];
  return new Map(
    (runs ?? []).map((row) => {
      const done = of(actions, row);
      const document = documentOf({
        id: row.id as string,
        workflow: row.workflow as string,
        group: textOf(row.grp),
        title: textOf(row.title),
        status: row.status as RunStatus,
        trigger: textOf(row.trigger_kind) as Trigger | null,
        reason: textOf(row.reason),
        input: textOf(row.input),
        pieces: row.pieces as string,
        outputs: textOf(row.outputs),
        actors: [row.actor, row.cancel_actor, ...done.map(({ actor }) => actor)].map(textOf),
        texts: [
          ...of(steps, row).map(({ error }) => textOf(error)),
          ...of(attempts, row).map(({ reason }) => textOf(reason)),
          ...done.map(({ details }) => textOf(details)),
          ...of(steps, row).flatMap(({ name, result }) => [textOf(name), textOf(result)]),
          ...of(lines, row).map(({ message, facts }) => [textOf(message), textOf(facts)].filter(Boolean).join(" ")),
        ],
        sent: of(attempts, row).map(({ sent }) => textOf(sent)),
      });
      return [row.seq as number, document];
    }),
  );
}

const textOf = (value: Row[string] | undefined): string | null => (value ?? null) as string | null;
