import type { AuditEntry } from "../../model/audit.ts";
import type { Accepted } from "../../model/new-run.ts";
import { type Paused, pauseOf } from "../../model/run-actions.ts";
import type { RunStore } from "../../model/store.ts";
import { hasHandler, hasSlot } from "../queries.ts";
import { clean, type RunRow, slotOf, WITHOUT_INPUT } from "../rows.ts";
import { type Arrival, acceptance, acceptedBy } from "../rules/runs.ts";
import type { Note } from "./audit.ts";
import type { Sql } from "./connect.ts";
import type { Names } from "./names.ts";
import { paceLocks, pacesOf } from "./paces.ts";
import { forgetKeys } from "./waits.ts";
import { IS_IN_SLOTS, insertRuns, lock, type Replica, updateRuns } from "./write.ts";

export type AcceptItem = {
  readonly event: Parameters<RunStore["accept"]>[0];
  readonly lease: Parameters<RunStore["accept"]>[1];
};

/**
 * Stores events, in order, in one transaction. It locks first the slots, then the waiting runs in them. All
 * transactions use this order, so that they do not deadlock.
 */
export async function acceptAll(
  sql: Sql,
  note: Note,
  { names, tell }: Replica,
  items: readonly AcceptItem[],
): Promise<readonly Accepted[]> {
  const events = items.map(({ event }) => event);
  const slots = [...new Set(items.map(({ event }) => slotOf(event)).filter((slot) => slot !== null))];
  const sources = [...new Set(items.flatMap(({ event }) => (event.event ? [sourceOf(event)] : [])))];
  const scheduled = items.flatMap(({ event }) => (event.event?.tick === undefined ? [] : [event.workflow]));
  lock(sql, [...placesOf(events), ...paceLocks(events)]);
  const cancelling = items.flatMap(({ event }) => (event.order?.cancelRunning ? (slotOf(event) ?? []) : []));
  const [{ now, paused }, latest, carriedOut, { waiting, busy, lines }, holders, paces] = await Promise.all([
    situationIn(sql, names),
    latestOf(sql, names, sources),
    carriedOutUntil(sql, names, scheduled),
    lookInto(sql, names, slots),
    // After `lookInto`: if a queued run is claimed while the first query waits for its row, this sees it as the holder.
    holdersOf(sql, names, cancelling),
    pacesOf(sql, names, events),
  ]);

  const added: RunRow[] = [];
  const changed = new Map<string, RunRow>();
  const ticks = new Map<string, number>();
  const cancelled: RunRow[] = [];
  /** The numbers of ended runs that may have waited. */
  const over: number[] = [];
  const actions: AuditEntry[] = [];
  const put = (run: RunRow) => {
    const at = added.findIndex(({ id }) => id === run.id);
    if (at === -1) changed.set(run.id, run);
    else added[at] = run;
  };
  const accepted = items.map(({ event, lease }) => {
    const slot = slotOf(event);
    const isPaused = pauseOf(clean(event.workflow), paused) !== undefined;
    const decision = acceptance(event, lease, {
      now,
      leaseUntil: now + lease.leaseMs,
      latest: latest.get(sourceOf(event)),
      carriedOutUntil: event.event?.tick === undefined ? undefined : carriedOut.get(event.workflow),
      waiting: slot === null ? paces.debounced(event) : waiting.get(slot),
      paced: paces.latest(event),
      isBusy: slot !== null && busy.has(slot),
      hasLine: slot !== null && lines.has(slot),
      isPaused,
      holder: slot === null ? undefined : holders.get(slot),
    });
    if (decision.does === "join" || decision.does === "add") {
      const { run } = decision;
      if (decision.does === "join") put(run);
      else {
        if (decision.superseded) {
          put(decision.superseded);
          if (decision.superseded.attempts > 0) over.push(decision.superseded.seq);
        }
        if (decision.cancels && decision.cancels.does !== "nothing" && slot !== null) {
          const { run: held } = decision.cancels;
          put(held);
          if (held.status === "running") holders.set(slot, held);
          else {
            cancelled.push(held);
            holders.delete(slot);
            if (held.handler === null) busy.delete(slot);
          }
        }
        added.push(run);
        paces.add(event, run, decision.superseded);
        actions.push(...decision.actions);
        if (event.event) latest.set(sourceOf(event), run);
        const { tick } = event.event ?? {};
        if (tick !== undefined) for (const known of [ticks, carriedOut]) known.set(event.workflow, tick);
      }
      if (slot !== null && run.status === "running") {
        busy.add(slot);
        holders.set(slot, run);
      } else if (slot !== null && run.in_order === 1) lines.add(slot);
      else if (slot !== null) waiting.set(slot, run);
    }
    return acceptedBy(decision, lease.owner, isPaused);
  });

  updateRuns(sql, names, [...changed.values()]);
  insertRuns(sql, names, added);
  carryOut(sql, names, ticks);
  forgetKeys(sql, names.schema, [...over, ...cancelled.map(({ seq }) => seq)]);
  const superseded = accepted.flatMap(({ superseded: id }) => id ?? []);
  const cancel = accepted.flatMap(({ cancels = [] }) => cancels);
  const queued = items.some(({ lease, event }) => !lease.take && !event.ownToken);
  const settled = [...superseded, ...cancelled.map(({ id }) => id)];
  if (queued || settled.length + cancel.length > 0)
    tell(sql, { queued, settled, ...(cancel.length > 0 ? { cancel } : {}) });
  if (actions.length > 0) await note(...actions);
  return accepted;
}

/** The time by the database's clock, and the paused workflows. */
async function situationIn(
  sql: Sql,
  { schema, now }: Names,
): Promise<{ now: number; paused: readonly Pick<Paused, "workflow">[] }> {
  const [row] = await sql(`SELECT ${now} AS now, ARRAY(SELECT workflow FROM ${schema}.paused_workflows) AS paused`);
  const paused = row?.paused as unknown as readonly string[];
  return { now: row?.now as number, paused: paused.map((workflow) => ({ workflow })) };
}

/** The locks for events, so that they are accepted one after the other: their slots and sources. */
export function placesOf(events: readonly AcceptItem["event"][]): readonly string[] {
  return events.flatMap((event) => [slotOf(event) ?? [], event.event ? [`event\n${sourceOf(event)}`] : []].flat());
}

/** Empty for an event without an identity. */
function sourceOf({ workflow, event }: AcceptItem["event"]): string {
  return event ? clean(`${workflow}\n${event.source}`) : "";
}

async function latestOf(
  sql: Sql,
  { schema }: Names,
  sources: readonly string[],
): Promise<Map<string, NonNullable<Arrival["latest"]>>> {
  if (sources.length === 0) return new Map();
  const rows = await sql(
    `SELECT source, last.id, last.event_id FROM unnest($1::text[]) AS source, LATERAL (
       SELECT id, event_id FROM ${schema}.runs WHERE md5(workflow || chr(10) || event_source) = md5(source)
       AND event_source IS NOT NULL ORDER BY seq DESC LIMIT 1) AS last`,
    [sources],
  );
  return new Map(
    rows.map(({ source, id, event_id }) => [source as string, { id: id as string, event_id: event_id as string }]),
  );
}

/** The times up to which these workflows' schedules were carried out. Their sources are locked. */
async function carriedOutUntil(
  sql: Sql,
  { schema }: Names,
  workflows: readonly string[],
): Promise<Map<string, number>> {
  if (workflows.length === 0) return new Map();
  const rows = await sql(`SELECT * FROM ${schema}.schedules WHERE workflow = ANY ($1::text[])`, [workflows]);
  return new Map(rows.map((row) => [row.workflow as string, row.carried_out_until as number]));
}

function carryOut(sql: Sql, { schema }: Names, ticks: ReadonlyMap<string, number>): void {
  if (ticks.size === 0) return;
  void sql(
    `INSERT INTO ${schema}.schedules SELECT * FROM unnest($1::text[], $2::bigint[])
     ON CONFLICT (workflow) DO UPDATE SET carried_out_until = excluded.carried_out_until`,
    [[...ticks.keys()], [...ticks.values()]],
  );
}

/** The running or waiting runs of slots, locked, for events that cancel them. */
async function holdersOf(sql: Sql, { schema }: Names, slots: readonly string[]): Promise<Map<string, RunRow>> {
  if (slots.length === 0) return new Map();
  const rows = await sql(
    `SELECT ${WITHOUT_INPUT} FROM ${schema}.runs WHERE ${IS_IN_SLOTS} AND ${hasSlot("runs")}
     ORDER BY seq FOR NO KEY UPDATE`,
    [slots],
  );
  return new Map(rows.map((row) => [row.slot as string, row as RunRow]));
}

/**
 * The queued runs of slots, which no process can claim before the transaction ends; the busy slots; and the slots in
 * which runs stand in line.
 */
async function lookInto(
  sql: Sql,
  { schema }: Names,
  slots: readonly string[],
): Promise<{ waiting: Map<string, RunRow>; busy: Set<string>; lines: Set<string> }> {
  if (slots.length === 0) return { waiting: new Map(), busy: new Set(), lines: new Set() };
  // The order matters: if a run is claimed while the first query waits for it, the second one sees it.
  const [queued, running] = await Promise.all([
    sql(`SELECT * FROM ${schema}.runs WHERE ${IS_IN_SLOTS} AND status = 'queued' AND in_order = 0 FOR NO KEY UPDATE`, [
      slots,
    ]),
    sql(
      `SELECT slot, 0 AS in_line FROM ${schema}.runs WHERE ${IS_IN_SLOTS} AND ${hasSlot("runs")}
       UNION ALL SELECT slot, 0 FROM ${schema}.runs WHERE ${IS_IN_SLOTS} AND ${hasHandler("runs")}
       UNION ALL SELECT DISTINCT slot, 1 FROM ${schema}.runs WHERE ${IS_IN_SLOTS} AND status = 'queued' AND in_order = 1`,
      [slots],
    ),
  ]);
  return {
    waiting: new Map(queued.map((row) => [row.slot as string, row as RunRow])),
    busy: new Set(running.flatMap(({ slot, in_line }) => (in_line === 0 ? (slot as string) : []))),
    lines: new Set(running.flatMap(({ slot, in_line }) => (in_line === 1 ? (slot as string) : []))),
  };
}
