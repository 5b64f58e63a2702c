import {
  type Count,
  type Counts,
  type FailureReason,
  idsThatBegin,
  type RunFilter,
  type RunPage,
} from "../model/history.ts";
import { RUN_STATUSES, type RunStatus } from "../model/run.ts";
import type { RunStore } from "../model/store.ts";
import { IS_RARE_END } from "./queries.ts";
import type { Asked, Value } from "./reads.ts";
import { LISTED, listedRunOf, type Row } from "./rows.ts";
import { needlesOf } from "./search-document.ts";
import type { Range, SearchIndex } from "./search-index.ts";

/** Few runs end with these. */
const RARE_ENDS: readonly RunStatus[] = ["failure", "skipped", "superseded", "cancelled"];

/** The indexes of runs that have not ended. */
const OPEN_INDEXES = new Map<unknown, string>([
  ["queued", "due"],
  ["running", "leased"],
  ["waiting", "waking"],
]);
const OPEN = [...OPEN_INDEXES.keys()] as RunStatus[];

/** Each status is counted up to this number. */
const MAX_COUNTED = 10_000;
/** How many of the newest runs in a search's result are counted. */
const MAX_COUNTED_FOUND = 1000;
/** The most reasons that are compared. Each failed run has one. */
const MAX_REASONS = 1000;
/** The columns of a failure's reason. Reading whole rows would take three times as long. */
const REASON = "seq, id, workflow, reason, kind, accepted_at";
/** How many runs with the right words a search checks for its other conditions. */
const LOOKED_THROUGH = 5000;

type Reads = Pick<RunStore, "list" | "counts" | "reasons" | "index">;

/** A store's answers about the runs that a filter finds. */
export function foundRuns(asked: Asked, search: SearchIndex): Reads {
  const parts = { asked, search };
  return {
    async list(filter, page) {
      const { rows, ...others } = await rowsOf(parts, filter, page, LISTED);
      return { runs: rows.map(listedRunOf), ...others };
    },
    counts: (filter) => (isSearch(filter) ? countFound(parts, filter) : countAll(asked, filter)),
    async reasons(filter, limit) {
      const failures = { ...filter, status: "failure" } as const;
      const { rows } = await rowsOf(parts, failures, { limit: Math.min(limit, MAX_REASONS) }, REASON);
      return rows.map(failureReasonOf);
    },
    index: search.index,
  };
}

function failureReasonOf({ id, workflow, reason, kind, accepted_at }: Row): FailureReason {
  return {
    id: id as string,
    workflow: workflow as string,
    reason: (reason ?? "") as string,
    kind: (kind ?? undefined) as FailureReason["kind"],
    acceptedAt: accepted_at as number,
  };
}

type Parts = { readonly asked: Asked; readonly search: SearchIndex };

/** Whether the filter needs the search, because no column's index has it. */
function isSearch({ words = [], repository, event, pull, commit, by, trigger }: RunFilter): boolean {
  return words.length > 0 || [repository, event, pull, commit, by, trigger].some((each) => each !== undefined);
}

/** The numbers of the runs in a time range, perhaps with some more; undefined if there are none. */
async function rangeOf({ dialect, read }: Asked, { since, until }: RunFilter): Promise<Range | undefined> {
  const bound = async (least: "min" | "max", condition: string, order: string, at: number | undefined) => {
    if (at === undefined) return undefined;
    const [row] = await read(
      `SELECT ${least}(seq) AS seq FROM (SELECT seq FROM ${dialect.schema}.runs ${dialect.hint("by_time")}
        WHERE ${condition} ORDER BY accepted_at ${order} LIMIT ${CLOCKS_DIFFER_RUNS}) AS nearest`,
      [at],
    );
    return (row?.seq ?? null) as number | null;
  };
  const [from, to] = await Promise.all([
    bound("min", "accepted_at >= $1", "ASC", since),
    bound("max", "accepted_at < $1", "DESC", until),
  ]);
  if (from === null || to === null) return undefined;
  return { from: from ?? 0, below: to === undefined ? Number.MAX_SAFE_INTEGER : to + 1 };
}

/**
 * Runs are numbered in the order of acceptance. The clocks of replicas may differ by the time that this many runs take.
 */
const CLOCKS_DIFFER_RUNS = 500;

/**
 * The SQL conditions of a filter that columns can check.
 * @param exact false: check only the range of numbers, which is in every index, and not the times. Reading the times
 * takes longer: they are in the row, behind an input of any length.
 */
function narrowed({ dialect }: Pick<Asked, "dialect">, filter: RunFilter, range: Range, exact = true) {
  const { id, status, workflow, workflows, group, since, until } = filter;
  const values: Value[] = [];
  const place = (value: Value) => `$${values.push(value)}`;
  const conditions: string[] = [];
  // The status is a literal, because a bound value does not use a partial index.
  if (status !== undefined) conditions.push(`status = '${status}'`);
  if (status !== undefined && RARE_ENDS.includes(status)) conditions.push(IS_RARE_END);
  if (id !== undefined) {
    const [first, last] = idsThatBegin(id);
    conditions.push(`id >= ${place(first)} AND id <= ${place(last)}`);
  }
  if (workflow !== undefined) conditions.push(dialect.isOfWorkflow(place(workflow)));
  if (workflows !== undefined) conditions.push(isOneOf("workflow", workflows.map(place)));
  if (group !== undefined) conditions.push(dialect.isText("grp", place(group)));
  if (range.from > 0) conditions.push(`seq >= ${place(range.from)}`);
  if (range.below < Number.MAX_SAFE_INTEGER) conditions.push(`seq < ${place(range.below)}`);
  if (exact && since !== undefined) conditions.push(`accepted_at >= ${place(since)}`);
  if (exact && until !== undefined) conditions.push(`accepted_at < ${place(until)}`);
  return { where: conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : "", values, place };
}

type Rows = Omit<RunPage, "runs"> & { readonly rows: readonly Row[] };

/**
 * One page of runs, newest first.
 * @param columns to read, including `seq`.
 */
async function rowsOf(
  { asked, search }: Parts,
  filter: RunFilter,
  { limit, cursor }: Parameters<RunStore["list"]>[1],
  columns: string,
): Promise<Rows> {
  const within = await rangeOf(asked, filter);
  if (!within) return { rows: [], next: undefined };
  const range = { ...within, below: Math.min(within.below, cursor === undefined ? within.below : Number(cursor)) };
  if (isSearch(filter)) return searchRuns({ asked, search }, filter, range, { limit, columns });
  const found = await Promise.all(
    byWorkflow(filter).map((part) => newest(asked, part, range, { most: limit + 1, columns })),
  );
  // Each workflow is read separately: for several together, both databases would read the runs of all workflows.
  const rows = found.length === 1 ? found.flat() : found.flat().sort((a, b) => Number(b.seq) - Number(a.seq));
  return pageOf(rows, limit, undefined);
}

/** Splits a filter into one part per allowed workflow. Empty if none is left. */
function byWorkflow({ workflows, ...filter }: RunFilter): readonly RunFilter[] {
  if (workflows === undefined) return [filter];
  const allowed = filter.workflow === undefined ? workflows : workflows.filter((each) => each === filter.workflow);
  return [...new Set(allowed)].map((workflow) => ({ ...filter, workflow }));
}

async function newest(
  asked: Asked,
  filter: RunFilter,
  range: Range,
  { most, columns }: { readonly most: number; readonly columns: string },
) {
  const { dialect } = asked;
  const { where, values, place } = narrowed({ dialect }, filter, range);
  // Without a hint, SQLite's planner reads the newest runs and skips all that have ended.
  const index = OPEN_INDEXES.get(filter.status);
  const hint = index === undefined ? "" : dialect.hint(index);
  const isByWorkflow = filter.workflow !== undefined && filter.group === undefined;
  const newestFirst = isByWorkflow ? "workflow DESC, seq DESC" : "seq DESC";
  // PostgreSQL estimates that one in a hundred runs matches the id. It would read the runs in order, with their inputs.
  const order = (filter.id?.length ?? 0) >= ID_OF_FEW ? "seq + 0 DESC" : newestFirst;
  return readFirst(
    asked,
    filter,
    `SELECT ${columns} FROM ${dialect.schema}.runs ${hint} ${where} ORDER BY ${order} LIMIT ${place(most)}`,
    values,
  );
}

function readFirst(asked: Asked, { group }: RunFilter, text: string, values: readonly Value[]) {
  return group === undefined ? asked.read(text, values) : asked.readInOrder(text, values);
}

function isOneOf(column: string, places: readonly string[]): string {
  return places.length === 0 ? "1 = 0" : `${column} IN (${places.join(", ")})`;
}

/** One in 4,096 runs has an id that begins with this many given characters. */
const ID_OF_FEW = 3;

function pageOf(found: readonly Row[], limit: number, further: string | undefined, unsearched?: Count): Rows {
  const rows = found.slice(0, limit);
  const next = found.length > limit ? String(rows.at(-1)?.seq) : further;
  return { rows, next, ...(unsearched && { unsearched }) };
}

/** Checks the runs from the index against their current state, which may have changed. */
async function searchRuns(
  { asked, search }: Parts,
  filter: RunFilter,
  range: Range,
  { limit, columns }: { readonly limit: number; readonly columns: string },
): Promise<Rows> {
  const needles = needlesOf(filter);
  const unsearched = await search.catchUp();
  const found: Row[] = [];
  let below = range.below;
  for (let looked = 0, most = limit + 1; ; most = FOUND_PER_READ) {
    const page = await search.find(needles, { ...range, below }, most);
    found.push(...(await among(asked, filter, page.found, columns, "ORDER BY seq DESC")));
    looked += page.found.length;
    if (found.length > limit || page.lookedTo === undefined) return pageOf(found, limit, undefined, unsearched);
    below = page.lookedTo;
    if (looked >= LOOKED_THROUGH || page.found.length < most) return pageOf(found, limit, String(below), unsearched);
  }
}

const FOUND_PER_READ = 500;

/** Those of these runs that match the filter in their current state. */
async function among(asked: Asked, filter: RunFilter, runs: readonly number[], select: string, end: string) {
  if (runs.length === 0) return [];
  const { dialect, read } = asked;
  const { where, values, place } = narrowed(asked, filter, EVERY);
  const those = `seq IN (${dialect.rows("runs", ["seq"], place(JSON.stringify(runs.map((seq) => ({ seq })))))})`;
  const which = where === "" ? `WHERE ${those}` : `${where} AND ${those}`;
  return read(`SELECT ${select} FROM ${dialect.schema}.runs ${which} ${end}`, values);
}

const EVERY: Range = { from: 0, below: Number.MAX_SAFE_INTEGER };

async function countAll(asked: Asked, { status: _, ...filter }: RunFilter): Promise<Counts> {
  const range = await rangeOf(asked, filter);
  if (!range) return countsOf(new Map());
  const [first, ...others] = await Promise.all(byWorkflow(filter).map((part) => countPart(asked, part, range)));
  return others.reduce(sumOf, first ?? countsOf(new Map()));
}

function sumOf(one: Counts, other: Counts): Counts {
  const of = (status: RunStatus): [RunStatus, Count] => {
    const [a, b] = [one[status], other[status]];
    const count = Math.min(a.count + b.count, MAX_COUNTED);
    return [status, { count, more: a.more || b.more || a.count + b.count > count }];
  };
  return Object.fromEntries(RUN_STATUSES.map(of)) as Counts;
}

/** Succeeded runs have no index: their number is all runs minus the others. */
async function countPart(asked: Asked, filter: RunFilter, range: Range): Promise<Counts> {
  const counted = [...OPEN, ...RARE_ENDS].map(
    async (status) => [status, await countUpTo(asked, { ...filter, status }, range)] as const,
  );
  const counts = new Map(await Promise.all(counted));
  const others = [...counts.values()].reduce((sum, { count }) => sum + count, 0);
  const all = await countUpTo(asked, filter, range, others + MAX_COUNTED);
  return countsOf(counts.set("success", { count: Math.max(0, all.count - others), more: all.more }));
}

async function countUpTo(asked: Asked, filter: RunFilter, range: Range, most = MAX_COUNTED): Promise<Count> {
  const index = indexOf(filter);
  const { where, values, place } = narrowed(asked, filter, range, index === "by_time");
  const { schema, hint } = asked.dialect;
  const order = index === "by_group" ? "ORDER BY seq DESC" : "";
  const [row] = await readFirst(
    asked,
    filter,
    `SELECT count(*) AS runs FROM (SELECT 1 FROM ${schema}.runs ${index === undefined ? "" : hint(index)} ${where}
     ${order} LIMIT ${place(most + 1)}) AS counted`,
    values,
  );
  const runs = Number(row?.runs ?? 0);
  return { count: Math.min(runs, most), more: runs > most };
}

/** The index that reads the fewest rows. */
function indexOf({ id, status, workflow, group }: RunFilter): string | undefined {
  if (id !== undefined) return undefined;
  if (status !== undefined && RARE_ENDS.includes(status)) return undefined;
  if (status !== undefined) return OPEN_INDEXES.get(status);
  if (group !== undefined) return "by_group";
  return workflow === undefined ? "by_time" : "by_workflow";
}

/** Counts the newest runs that a search finds. */
async function countFound({ asked, search }: Parts, { status: _, ...filter }: RunFilter): Promise<Counts> {
  const range = await rangeOf(asked, filter);
  if (!range) return countsOf(new Map());
  await search.catchUp();
  const { found, lookedTo } = await search.find(needlesOf(filter), range, MAX_COUNTED_FOUND);
  const more = lookedTo !== undefined;
  const rows = await among(asked, filter, found, "status, count(*) AS runs", "GROUP BY status");
  return countsOf(new Map(rows.map(({ status, runs }) => [status as RunStatus, { count: Number(runs), more }])), more);
}

function countsOf(counts: ReadonlyMap<RunStatus, Count>, more = false): Counts {
  const of = (status: RunStatus) => [status, counts.get(status) ?? { count: 0, more }];
  return Object.fromEntries(RUN_STATUSES.map(of)) as Counts;
}
