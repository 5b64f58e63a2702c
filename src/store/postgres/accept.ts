import type { Accepted, RunStore } from "../../model/store.ts";
import { clean, type Row, runOf } from "../rows.ts";
import { asJson, type Sql } from "./connect.ts";
import { lockKey, type Names, slotOf } from "./names.ts";

export type AcceptItem = {
  readonly event: Parameters<RunStore["accept"]>[0];
  readonly lease: Parameters<RunStore["accept"]>[1];
};

/** A run that waits in a slot: stored before, or about to be. */
type Waiting = Row & { status: string; due_at: number; changed?: true };

/** Far enough off that a caller's own quick retries bring no attempt forward, near enough for a new deployment. */
const JOINED_DUE_MS = 30_000;

/**
 * Stores events, in their order, in one transaction. First the slots are locked, then what waits in them; so do the
 * others, and none waits in a circle.
 */
export async function acceptAll(sql: Sql, names: Names, items: readonly AcceptItem[]): Promise<readonly Accepted[]> {
  const slots = [...new Set(items.map(({ event }) => slotOf(event)).filter((slot) => slot !== null))].map(clean);
  const sources = [...new Set(items.flatMap(({ event }) => (event.event ? [sourceOf(event)] : [])))];
  lock(sql, [...slots, ...sources.map((source) => `event\n${source}`)]);

  const last = await lastEvents(sql, names, sources);
  const carriedOut = await carriedOutUntil(sql, names, items);
  const ticks = new Map<string, number>();
  const known = items.map(({ event }) => {
    if (!event.event) return undefined;
    const source = sourceOf(event);
    const before = last.get(source);
    if (before?.event_id === clean(event.event.id)) return before.id;
    const { tick } = event.event;
    if (tick !== undefined) {
      const until = ticks.get(event.workflow) ?? carriedOut.get(event.workflow);
      if (until !== undefined && tick <= until) return before?.id ?? event.id;
      ticks.set(event.workflow, tick);
    }
    last.set(source, { id: event.id, event_id: clean(event.event.id) });
    return undefined;
  });
  const touched = items
    .flatMap(({ event }, at) => (known[at] === undefined ? [clean(slotOf(event)) ?? []] : []))
    .flat();
  const { waiting, busy } = await lookInto(sql, names, [...new Set(touched)]);
  const old = [...waiting.values()];

  const fresh: Waiting[] = [];
  const accepted = items.map(({ event, lease }, at): Accepted => {
    const before = known[at];
    if (before !== undefined) return { run: before, joined: true, superseded: undefined, claim: undefined };
    const slot = clean(slotOf(event));
    const input = JSON.stringify(event.input);
    const ahead = slot === null ? undefined : waiting.get(slot);
    if (ahead && (ahead.attempts as number) > 0 && ahead.input === input) {
      Object.assign(ahead, { retries_from: lease.now, failures: 0, changed: true });
      // A limit ends when it ends; any other wait gives way to somebody who asks again.
      if (ahead.kind !== "limit") {
        Object.assign(ahead, { due_at: Math.min(ahead.due_at, lease.now + JOINED_DUE_MS), hastened: true });
      }
      return { run: ahead.id as string, joined: true, superseded: undefined, claim: undefined };
    }
    if (ahead) {
      Object.assign(ahead, { status: "superseded", superseded_by: event.id, ended_at: lease.now, changed: true });
    }
    // The newer event takes the older one's place in the line at a limit.
    const limited = ahead?.kind === "limit" ? ahead : undefined;
    const running = event.ownToken || (lease.take && !ahead && !(slot !== null && busy.has(slot)));
    const row = rowOf(event, lease, { slot, input, limited, running });
    fresh.push(row);
    if (slot !== null) {
      if (running) busy.add(slot);
      else waiting.set(slot, row);
    }
    return {
      run: event.id,
      joined: false,
      superseded: ahead?.id as string | undefined,
      claim: running ? { run: runOf(row), attempt: 1, owner: lease.owner, steps: [] } : undefined,
    };
  });

  update(
    sql,
    names,
    old.filter(({ changed }) => changed),
  );
  insert(sql, names, fresh);
  carryOut(sql, names, ticks);
  return accepted;
}

/** Locks texts for what follows, until the end of the transaction; always in the same order. */
export function lock(sql: Sql, texts: readonly string[]): void {
  if (texts.length === 0) return;
  const keys = texts.map(lockKey).toSorted();
  void sql("SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key", [keys]);
}

function sourceOf({ workflow, event }: AcceptItem["event"]): string {
  return clean(`${workflow}\n${event?.source}`);
}

async function lastEvents(sql: Sql, { schema }: Names, sources: readonly string[]) {
  if (sources.length === 0) return new Map<string, { id: string; event_id: string }>();
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

/** Until when the schedules of these events have been carried out; their sources are locked. */
async function carriedOutUntil(
  sql: Sql,
  { schema }: Names,
  items: readonly AcceptItem[],
): Promise<Map<string, number>> {
  const workflows = items.flatMap(({ event }) => (event.event?.tick === undefined ? [] : [event.workflow]));
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

/** What waits in slots, which no process claims before the transaction ends; and the slots in which something runs. */
async function lookInto(
  sql: Sql,
  { schema }: Names,
  slots: readonly string[],
): Promise<{ waiting: Map<string, Waiting>; busy: Set<string> }> {
  if (slots.length === 0) return { waiting: new Map(), busy: new Set() };
  const isIn = "slot IS NOT NULL AND md5(slot) IN (SELECT md5(slot) FROM unnest($1::text[]) AS slot)";
  // In this order: what is claimed while the first one waits for it is seen by the second one.
  const [queued, running] = await Promise.all([
    sql(`SELECT * FROM ${schema}.runs WHERE ${isIn} AND status = 'queued' FOR NO KEY UPDATE`, [slots]),
    sql(`SELECT slot FROM ${schema}.runs WHERE ${isIn} AND status = 'running'`, [slots]),
  ]);
  return {
    waiting: new Map(queued.map((row) => [row.slot as string, row as Waiting])),
    busy: new Set(running.map(({ slot }) => slot as string)),
  };
}

function rowOf(
  event: AcceptItem["event"],
  lease: AcceptItem["lease"],
  {
    slot,
    input,
    limited,
    running,
  }: { slot: string | null; input: string; limited: Waiting | undefined; running: boolean },
): Waiting {
  return {
    id: event.id,
    workflow: clean(event.workflow),
    grp: clean(event.group) ?? null,
    slot,
    input,
    own_token: event.ownToken ? 1 : 0,
    status: running ? "running" : "queued",
    accepted_at: lease.now,
    retries_from: lease.now,
    due_at: Math.max(lease.now, limited?.due_at ?? 0),
    limited_until: limited?.due_at ?? 0,
    started_at: running ? lease.now : null,
    attempts: running ? 1 : 0,
    failures: 0,
    owner: running ? lease.owner : null,
    lease_ms: running ? lease.leaseMs : null,
    reason: limited?.reason ?? null,
    http: limited?.http ?? null,
    kind: limited?.kind ?? null,
    event_source: clean(event.event?.source) ?? null,
    event_id: clean(event.event?.id) ?? null,
    trace: event.trace ?? null,
    ended_at: null,
    superseded_by: null,
  };
}

function update(sql: Sql, { schema, now }: Names, rows: readonly Waiting[]): void {
  if (rows.length === 0) return;
  void sql(
    `UPDATE ${schema}.runs SET status = new.status, superseded_by = new.superseded_by, ended_at = new.ended_at,
       failures = new.failures, retries_from = least(new.retries_from, ${now}),
       due_at = CASE WHEN new.hastened THEN least(runs.due_at, ${now} + $2) ELSE runs.due_at END
     FROM json_to_recordset($1) AS new (seq bigint, status text, superseded_by uuid, ended_at bigint, failures integer,
       retries_from bigint, hastened boolean) WHERE runs.seq = new.seq`,
    [asJson(rows), JOINED_DUE_MS],
  );
}

/** The order of the rows is the order of their numbers. */
function insert(sql: Sql, { schema, now }: Names, rows: readonly Waiting[]): void {
  if (rows.length === 0) return;
  void sql(
    `INSERT INTO ${schema}.runs (id, workflow, grp, slot, input, own_token, status, accepted_at, retries_from, due_at,
       started_at, ended_at, attempts, owner, lease_until, reason, http, kind, event_source, event_id, trace,
       superseded_by)
     SELECT id, workflow, grp, slot, input, own_token, status, least(accepted_at, ${now}), least(retries_from, ${now}),
       greatest(limited_until, ${now}), started_at, ended_at, attempts, owner, ${now} + lease_ms, reason, http, kind, event_source, event_id, trace, superseded_by
     FROM json_to_recordset($1) AS new (id uuid, workflow text, grp text, slot text, input text, own_token integer,
       status text, accepted_at bigint, retries_from bigint, limited_until bigint, started_at bigint, ended_at bigint,
       attempts integer, owner text, lease_ms bigint, reason text, http integer, kind text, event_source text,
       event_id text, trace text, superseded_by uuid)`,
    [asJson(rows)],
  );
}
