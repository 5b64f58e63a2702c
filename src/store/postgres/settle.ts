import { hasWaited } from "../../model/claim.ts";
import { isRunId } from "../../model/history.ts";
import type { Run } from "../../model/run.ts";
import type { Cancel, Rerun, RerunOptions } from "../../model/run-actions.ts";
import type { RunStore } from "../../model/store.ts";
import type { By } from "../../model/who.ts";
import { lineRows } from "../lines.ts";
import { isUnderWay } from "../queries.ts";
import { listedRunOf, type RunRow, runOf, slotOf, WITHOUT_INPUT } from "../rows.ts";
import { cancel, cancelAction, cancelAnswer, endedByCancel } from "../rules/cancels.ts";
import { rerun, rerunAction, settled } from "../rules/runs.ts";
import type { Note } from "./audit.ts";
import { asJson, type Sql } from "./connect.ts";
import type { Names } from "./names.ts";
import { forgetKeys, type Suspending, suspendAll } from "./waits.ts";
import { countEnds, insertAttempts, insertLines, lock, nowIn, type Replica, updateRuns, waitingIn } from "./write.ts";

export type SettleItem = {
  readonly claim: Parameters<RunStore["settle"]>[0];
  readonly attempt: Parameters<RunStore["settle"]>[1];
  readonly settlement: Parameters<RunStore["settle"]>[2];
  readonly lines: NonNullable<Parameters<RunStore["settle"]>[3]>;
  /** A first try failed, perhaps after it was stored and before the connection was lost. */
  readonly unsure: boolean;
};

/** Ends attempts in one transaction. Undefined for attempts whose claim no longer holds. */
export async function settleAll(
  sql: Sql,
  replica: Replica,
  items: readonly SettleItem[],
): Promise<readonly (Run | undefined)[]> {
  const { names } = replica;
  const again = items.filter(({ settlement }) => settlement.status === "queued");
  const isTimed = again.length > 0 || items.some(({ settlement }) => settlement.status === "waiting");
  const slots = again.map(({ claim }) => slotOf(claim.run)).filter((slot) => slot !== null);
  lock(sql, slots);
  const [rows, waiting, now] = await Promise.all([
    rowsOf(sql, names, items),
    waitingIn(sql, names, slots),
    isTimed ? nowIn(sql, names) : 0,
  ]);
  const ahead = now - replica.now();

  const before = new Map(rows.map((row) => [row.id, row]));
  const after = new Map<string, RunRow>();
  const suspending: Suspending[] = [];
  const overAfterWaits: number[] = [];
  const written: object[] = [];
  const ended = items.flatMap(({ claim, attempt, settlement, lines }) => {
    const row = before.get(claim.run.id);
    // The same run may also have a lost claim beside the one that holds.
    if (row?.attempts !== claim.attempt) return [];
    written.push(...lineRows({ run: row.seq, attempt: claim.attempt }, lines));
    let run = endedByCancel(row, attempt, settlement);
    if (settlement.status !== "waiting")
      run ??= settled(row, attempt, settlement, { waiting: waiting.get(row.slot ?? ""), ahead });
    else if (!run) suspending.push({ row, attempt, settlement });
    if (run) after.set(row.id, run);
    if (run && run.ended_at !== null && hasWaited(claim)) overAfterWaits.push(row.seq);
    return [{ ...attempt, run: row.seq }];
  });
  for (const run of await suspendAll(sql, names, suspending, now)) after.set(run.id, run);
  forgetKeys(sql, names.schema, overAfterWaits);
  updateRuns(sql, names, [...after.values()]);
  insertAttempts(sql, names, ended);
  insertLines(sql, names, written);
  countEnds(sql, replica, [...after.values()]);

  const lost = items.filter(({ claim, unsure }) => unsure && !before.has(claim.run.id));
  for (const row of await settledBefore(sql, names, lost)) after.set(row.id, row);
  const runs = items.map(({ claim: { run, attempt } }) => {
    const row = after.get(run.id);
    return row?.attempts === attempt ? { ...listedRunOf(row), input: run.input } : undefined;
  });
  // Other processes should take the runs that a stopping process gives back.
  const queued = items.some(({ attempt }) => attempt.outcome === "stopped");
  const told = runs.flatMap((run) => run?.id ?? []);
  if (told.length > 0) replica.tell(sql, { queued, settled: told });
  return runs;
}

/** The rows of claims that hold, locked. */
async function rowsOf(sql: Sql, { schema }: Names, items: readonly SettleItem[]): Promise<readonly RunRow[]> {
  const claims = items.map(({ claim }) => ({ id: claim.run.id, owner: claim.owner, attempts: claim.attempt }));
  return (await sql(
    `SELECT ${WITHOUT_INPUT} FROM ${schema}.runs
     JOIN json_to_recordset($1) AS claim (id uuid, owner text, attempts integer) USING (id, owner, attempts)
     WHERE ${isUnderWay("runs")} ORDER BY runs.seq FOR NO KEY UPDATE OF runs`,
    [asJson(claims)],
  )) as RunRow[];
}

/** The runs that these claims have already settled, because their first try was stored after all. */
async function settledBefore(sql: Sql, { schema }: Names, items: readonly SettleItem[]): Promise<readonly RunRow[]> {
  if (items.length === 0) return [];
  const claims = items.map(({ claim, attempt: { endedAt, outcome } }) => {
    return { id: claim.run.id, attempts: claim.attempt, ended_at: endedAt, outcome };
  });
  return (await sql(
    `SELECT ${WITHOUT_INPUT} FROM ${schema}.runs
     JOIN json_to_recordset($1) AS claim (id uuid, attempts integer, ended_at bigint, outcome text)
       ON runs.id = claim.id AND runs.attempts = claim.attempts AND runs.status <> 'running'
     JOIN ${schema}.attempts ON attempts.run = runs.seq AND attempts.number = claim.attempts
       AND attempts.ended_at = claim.ended_at AND attempts.outcome = claim.outcome`,
    [asJson(claims)],
  )) as RunRow[];
}

/** Queues an ended run again, in a transaction. */
export async function rerunOne(
  sql: Sql,
  note: Note,
  { names, tell }: Replica,
  { id, ...options }: { id: string; at: number } & RerunOptions,
): Promise<Rerun> {
  const { schema } = names;
  const [found] = isRunId(id) ? await sql(`SELECT slot FROM ${schema}.runs WHERE id = $1`, [id]) : [];
  if (!found) return { status: "unknown" };
  lock(sql, [(found.slot as string | null) ?? `run\n${id}`]);
  const [now, [row], [busy], [newer]] = await Promise.all([
    nowIn(sql, names),
    sql(`SELECT * FROM ${schema}.runs WHERE id = $1 FOR UPDATE`, [id]),
    sql(
      `SELECT seq, id, status FROM ${schema}.runs WHERE slot IS NOT NULL AND md5(slot) = md5($1)
       AND status IN ('queued', 'running', 'waiting') ORDER BY status LIMIT 1`,
      [found.slot],
    ),
    sql(
      `SELECT newer.id, newer.status FROM ${schema}.runs JOIN ${schema}.runs AS newer ON newer.grp IS NOT NULL
         AND md5(newer.grp) = md5(runs.grp) AND newer.workflow = runs.workflow AND newer.seq > runs.seq
         AND newer.attempts >= runs.in_order
       WHERE runs.id = $1 AND newer.own_token = 0 ORDER BY newer.seq DESC LIMIT 1`,
      [id],
    ),
  ]);
  if (!row) return { status: "unknown" };
  const next = rerun(row as RunRow, { now, busy: busy as RunRow, newer: newer as RunRow }, options);
  if (!("seq" in next)) return next;
  updateRuns(sql, names, [next]);
  tell(sql, { queued: true });
  await note(rerunAction(next, options));
  return { status: "queued", run: runOf(next) };
}

/** Cancels a run, in a transaction. */
export async function cancelOne(
  sql: Sql,
  note: Note,
  { names, tell }: Replica,
  { id, by, hasHandler }: { id: string; by: By; hasHandler: (workflow: string) => boolean },
): Promise<Cancel> {
  const { schema } = names;
  const [row] = isRunId(id) ? await sql(`SELECT * FROM ${schema}.runs WHERE id = $1 FOR NO KEY UPDATE`, [id]) : [];
  if (!row) return { status: "unknown" };
  const cancelling = cancel(row as RunRow, by, hasHandler(row.workflow as string));
  const { does, run } = cancelling;
  if (does !== "nothing") {
    updateRuns(sql, names, [run]);
    if (does === "end") forgetKeys(sql, schema, [run.seq]);
    // Its group's place is free, or the workflow's `cancelled` is due.
    tell(sql, does === "end" ? { queued: true, settled: [run.id] } : { cancel: [run.id] });
    await note(cancelAction(row as RunRow, by));
  }
  return cancelAnswer(cancelling);
}
