import { hasWaited } from "../../model/claim.ts";
import type { Accepted } from "../../model/new-run.ts";
import type { Run } from "../../model/run.ts";
import { lineRows } from "../lines.ts";
import { hasHandler, hasSlot, isPaused } from "../queries.ts";
import { INSERTED, listedRunOf, type RunRow, slotOf, WITHOUT_INPUT } from "../rows.ts";
import { acceptedBy } from "../rules/runs.ts";
import { ENDING, endUnhindered, unhindered } from "../rules/unhindered.ts";
import { type AcceptItem, placesOf } from "./accept.ts";
import { asJson, type Database, type Sql, type Statement } from "./connect.ts";
import type { Names } from "./names.ts";
import type { SettleItem } from "./settle.ts";
import { ATTEMPT, attemptsFrom, counting, lock, type Replica } from "./write.ts";

/**
 * One round trip for decisions that are made before the situation is known, and take effect only if nothing interferes.
 * Each function calls `done` for what it stored, and returns the rest for `acceptAll` and `settleAll`.
 */

/** @param isTaken whether this process has a run in a slot. */
export async function acceptUnhindered(
  { flight }: Pick<Database, "flight">,
  { names, tell }: Replica,
  items: readonly AcceptItem[],
  isTaken: (slot: string) => boolean,
  done: (item: AcceptItem, accepted: Accepted) => void,
): Promise<readonly AcceptItem[]> {
  const seen = new Set<string>();
  const found = items.flatMap((item) => {
    const places = placesOf([item.event]);
    // Several events in one place affect each other.
    const isFirst = !places.some((place) => seen.has(place));
    for (const place of places) seen.add(place);
    const slot = slotOf(item.event);
    const decision = isFirst && (slot === null || !isTaken(slot)) ? unhindered(item.event, item.lease) : undefined;
    return decision ? { item, decision } : [];
  });
  if (found.length === 0) return items;

  const statements: Statement[] = [["BEGIN"]];
  const send = into(statements);
  lock(send, placesOf(found.map(({ item }) => item.event)));
  void send(INSERT_UNHINDERED(names), [asJson(found.map(({ decision }) => decision.run))]);
  const at = statements.length - 1;
  if (found.some(({ decision }) => decision.run.status === "queued")) tell(send, { queued: true });
  const answers = await flight([...statements, ["COMMIT"]]);

  const stored = new Map(answers[at]?.map((row) => [row.id, row]));
  for (const { item, decision } of found) {
    const row = stored.get(decision.run.id);
    if (row)
      done(item, acceptedBy({ ...decision, run: { ...decision.run, ...row } as RunRow }, item.lease.owner, false));
  }
  return items.filter(({ event }) => !stored.has(event.id));
}

/** @param isAlone whether no other process can have a caller that waits for a claim's run. */
export async function settleUnhindered(
  { flight }: Pick<Database, "flight">,
  { names, shard, tell, written }: Replica,
  items: readonly SettleItem[],
  isAlone: (item: SettleItem) => boolean,
  done: (item: SettleItem, run: Run) => void,
): Promise<readonly SettleItem[]> {
  const found = items.flatMap((item) => {
    const { claim, attempt, settlement, unsure } = item;
    const end = unsure || claim.handler || hasWaited(claim) ? undefined : endUnhindered(settlement, attempt.endedAt);
    return end ? { item, end } : [];
  });
  if (found.length === 0) return items;

  const ends = found.map(({ item, end }) => ({ id: item.claim.run.id, attempts: item.claim.attempt, ...end }));
  const attempts = found.map(({ item: { claim, attempt } }) => ({
    ...{ id: claim.run.id, owner: claim.owner, ...attempt, number: claim.attempt },
  }));
  const lines = found.flatMap(({ item: { claim, lines: last } }) =>
    lineRows({ attempt: claim.attempt }, last).map((line) => ({ id: claim.run.id, ...line })),
  );
  const awaited = found.flatMap(({ item }) => (isAlone(item) ? [] : item.claim.run.id));
  const statements: Statement[] = [["BEGIN"]];
  const send = into(statements);
  // An event that arrives now either sees the run behind, whose turn is announced, or finds the place free.
  lock(
    send,
    found.flatMap(({ item }) => slotOf(item.claim.run) ?? []),
  );
  void send(SETTLE_UNHINDERED(names, lines.length > 0), [
    ...[asJson(ends), asJson(attempts), shard, written({ queued: true })],
    ...(lines.length > 0 ? [asJson(lines)] : []),
  ]);
  const at = statements.length - 1;
  if (awaited.length > 0) tell(send, { settled: awaited });
  const answers = await flight([...statements, ["COMMIT"], ...(awaited.length > 0 ? [] : [[MOVED(names)] as const])]);

  const settled = new Map(answers[at]?.map((row) => [row.id, row]));
  for (const { item } of found) {
    const row = settled.get(item.claim.run.id);
    if (row?.attempts === item.claim.attempt) done(item, { ...listedRunOf(row), input: item.claim.run.input });
  }
  return items.filter(({ claim }) => settled.get(claim.run.id)?.attempts !== claim.attempt);
}

/**
 * Another run in the slot of a row. The LIMIT makes PostgreSQL use the index for each row instead of reading all
 * rows first.
 */
const inSlot = ({ schema }: Names, of: string, is: (run: string) => string) =>
  `(SELECT 1 FROM ${schema}.runs AS other WHERE other.slot IS NOT NULL AND md5(other.slot) = md5(${of}.slot)
    AND ${is("other")} LIMIT 1)`;

/** The runs behind the running or waiting run of a slot. Written like the indexes. */
const BEHIND = [
  (run: string) => `${run}.status = 'queued' AND ${run}.in_order = 0`,
  (run: string) => `${run}.status = 'queued' AND ${run}.in_order = 1`,
  hasHandler,
];

/** Converts times from the process's clock, which is that of `accepted_at`, to the database's clock. */
const BY_ITS_CLOCK: Readonly<Record<string, (now: string) => string>> = {
  accepted_at: (now) => `least(accepted_at, ${now})`,
  retries_from: (now) => `least(retries_from, ${now})`,
  due_at: (now) => `due_at - accepted_at + ${now}`,
  lease_until: (now) => `lease_until - accepted_at + ${now}`,
};

/** Takes rows of runs. Returns the times of the stored rows by the database's clock. */
const INSERT_UNHINDERED = (names: Names) => {
  const { schema, now } = names;
  const latest = `(SELECT other.event_id FROM ${schema}.runs AS other
    WHERE md5(other.workflow || chr(10) || other.event_source) = md5(runs.workflow || chr(10) || runs.event_source)
      AND other.event_source IS NOT NULL ORDER BY other.seq DESC LIMIT 1)`;
  return `INSERT INTO ${schema}.runs (${INSERTED.join(", ")})
    SELECT ${INSERTED.map((column) => BY_ITS_CLOCK[column]?.(now) ?? column).join(", ")}
    FROM json_populate_recordset(NULL::${schema}.runs, $1) AS runs
    WHERE NOT ${isPaused(schema)} AND ${[hasSlot, ...BEHIND].map((is) => `${inSlot(names, "runs", is)} IS NULL`).join(" AND ")}
      AND (event_source IS NULL OR ${latest} IS DISTINCT FROM event_id)
    RETURNING id, accepted_at, retries_from, due_at, lease_until`;
};

/**
 * Takes the ends of runs, their attempts with the owners of the claims, this process's shard, the news for the others
 * if a run is behind, and lines. Returns the runs whose claim holds and that are not cancelled. It locks their rows in
 * order before it writes anything, and the hour's count last.
 */
const SETTLE_UNHINDERED = (names: Names, hasLines: boolean) => {
  const { schema, channel } = names;
  const isBehind = BEHIND.map((is) => `${inSlot(names, "ended", is)} IS NOT NULL`).join(" OR ");
  const lines = `lines AS (INSERT INTO ${schema}.log_lines SELECT ended.seq, attempt, number, at, level, message, facts
      FROM ended JOIN json_to_recordset($5) AS line (id uuid, attempt integer, number integer, at bigint, level text,
        message text, facts text) ON line.id = ended.id AND line.attempt = ended.attempts ON CONFLICT DO NOTHING),`;
  const done = `SELECT ended.seq AS run, attempt.* FROM ended
      JOIN attempt ON attempt.id = ended.id AND attempt.number = ended.attempts`;
  return `WITH attempt AS MATERIALIZED (
      SELECT * FROM json_to_recordset($2) AS attempt (id uuid, owner text, ${ATTEMPT})),
    held AS MATERIALIZED (SELECT runs.seq FROM ${schema}.runs
      JOIN attempt ON runs.id = attempt.id AND runs.owner = attempt.owner AND runs.attempts = attempt.number
      WHERE runs.status = 'running' AND runs.cancel_actor IS NULL ORDER BY runs.seq FOR NO KEY UPDATE OF runs),
    ended AS (UPDATE ${schema}.runs SET ${ENDING.map((column) => `${column} = new.${column}`).join(", ")}
      FROM json_populate_recordset(NULL::${schema}.runs, $1) AS new
      WHERE runs.id = new.id AND runs.attempts = new.attempts AND runs.seq IN (SELECT seq FROM held) RETURNING ${WITHOUT_INPUT}),
    attempts AS (${attemptsFrom(schema, `(${done}) AS done`, "NULL")}),
    ${hasLines ? lines : ""}
    counted AS (${counting(schema, "ended", "$3")})
    SELECT ended.*, CASE WHEN ${isBehind} THEN pg_notify('${channel}', $4) END AS told FROM ended`;
};

/**
 * Other replicas notice this without news. It runs after the transaction, so that a reader that looks then finds the
 * changes.
 */
const MOVED = ({ schema }: Names) => `SELECT nextval('${schema}.log_revision')`;

/** Collects statements, to send them together. */
function into(statements: Statement[]): Sql {
  return (text, values) => {
    statements.push([text, values ?? []]);
    return Promise.resolve([]);
  };
}
