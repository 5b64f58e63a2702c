import {
  type EventFilter,
  type EventNotes,
  type Heard,
  type IgnoredEvent,
  MAX_IGNORED,
  MAX_SOURCES,
} from "../model/events.ts";
import { fold } from "../model/search.ts";
import type { Asked } from "./reads.ts";
import { clean } from "./rows.ts";

type Statement = readonly [text: string, values: readonly (string | number)[]];

/** The mark for when the service began to note events. */
const SINCE = "events noted since";

/** Notes events that started no run, and the senders of events. The same for both databases, with bounded tables. */
export function eventNotes({ dialect, read, change }: Asked): EventNotes {
  const { schema } = dialect;
  const [ignored, heard] = [`${schema}.ignored_events`, `${schema}.heard`];
  return {
    async note(notes) {
      const statements: Statement[] = [
        [
          `INSERT INTO ${schema}.marks (name, value) VALUES ('${SINCE}', $1)
           ON CONFLICT (name) DO UPDATE SET value = coalesce(marks.value, excluded.value)`,
          [String(notes.since)],
        ],
      ];
      if (notes.heard.length > 0) {
        const columns = ["kind", "name", "actor", "first_at", "last_at", "times"];
        statements.push(
          [
            `INSERT INTO ${heard} AS known (${columns.join(", ")}) ${dialect.rows("heard", columns, "$1")}
             ON CONFLICT (kind, name, actor) DO UPDATE SET times = known.times + excluded.times,
               last_at = CASE WHEN excluded.last_at > known.last_at THEN excluded.last_at ELSE known.last_at END`,
            [JSON.stringify(heardRows(notes.heard))],
          ],
          [
            `DELETE FROM ${heard} WHERE (kind, name, actor) IN (
               SELECT kind, name, actor FROM ${heard} ORDER BY last_at DESC LIMIT ${MAX_SOURCES} OFFSET $1)`,
            [MAX_SOURCES],
          ],
        );
      }
      if (notes.ignored.length > 0) {
        const columns = ["at", "facts", "text"];
        statements.push(
          [
            `INSERT INTO ${ignored} (${columns.join(", ")}) ${dialect.rows("ignored_events", columns, "$1")}`,
            [JSON.stringify(notes.ignored.map(ignoredRow))],
          ],
          [`DELETE FROM ${ignored} WHERE seq <= (SELECT max(seq) FROM ${ignored}) - $1`, [MAX_IGNORED]],
        );
      }
      await change(...statements);
    },
    async ignored(filter, { limit, cursor }) {
      const values: (string | number)[] = [];
      const place = (value: string | number) => `$${values.push(value)}`;
      const conditions = needlesOf(filter).map((needle) => dialect.holds("text", place(needle)));
      if (filter.since !== undefined) conditions.push(`at >= ${place(filter.since)}`);
      if (filter.until !== undefined) conditions.push(`at < ${place(filter.until)}`);
      if (cursor !== undefined) conditions.push(`seq < ${place(Number(cursor))}`);
      const where = conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : "";
      const rows = await read(
        `SELECT seq, at, facts FROM ${ignored} ${where} ORDER BY seq DESC LIMIT ${place(limit + 1)}`,
        values,
      );
      const page = rows.slice(0, limit);
      const events = page.map(({ at, facts }) => ({ at, ...JSON.parse(facts as string) }) as IgnoredEvent);
      return { events, next: rows.length > limit ? String(page.at(-1)?.seq) : undefined };
    },
    async heard() {
      const [marks, rows] = await Promise.all([
        read(`SELECT value FROM ${schema}.marks WHERE name = '${SINCE}' AND value IS NOT NULL`),
        read(`SELECT * FROM ${heard} ORDER BY last_at DESC, kind, name, actor`),
      ]);
      const sources = rows.map(
        ({ kind, name, actor, first_at, last_at, times }) =>
          ({ kind, name, actor, firstAt: first_at, lastAt: last_at, times }) as Heard,
      );
      return { since: marks[0] && Number(marks[0].value), sources };
    },
  };
}

/** One row per key, always in the same order, so that replicas that write the same rows never deadlock. */
function heardRows(heard: readonly Heard[]): object[] {
  const rows = new Map<string, { first_at: number; last_at: number; times: number }>();
  for (const { kind, name, actor, firstAt, lastAt, times } of heard) {
    const source = { kind, name: clean(name), actor: clean(actor) };
    const key = JSON.stringify(source);
    const known = rows.get(key) ?? { first_at: firstAt, last_at: lastAt, times: 0 };
    rows.set(key, {
      ...source,
      first_at: Math.min(known.first_at, firstAt),
      last_at: Math.max(known.last_at, lastAt),
      times: known.times + times,
    } as typeof known);
  }
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

function ignoredRow({ at, ...facts }: IgnoredEvent): object {
  return { at, facts: clean(JSON.stringify(facts)), text: clean(textOf(facts)) };
}

/** The searched text. Each fact is a line, so that a qualifier matches a whole value and a word matches any part. */
function textOf(event: Omit<IgnoredEvent, "at">): string {
  const { repository, number, subject, sender, ref, sha, reasons } = event;
  const [name = "", action] = event.event.split(".");
  const lines = [
    ...[`trigger:${event.source}`, `event:${name}`, ...(action ? [`event:${event.event}`] : [])],
    ...(repository ? [`repo:${repository}`, `repo:${repository.slice(repository.indexOf("/") + 1)}`] : []),
    ...(subject ? [`app:${subject}`, `app:${subject.slice(subject.indexOf("/") + 1)}`] : []),
    ...(number === undefined ? [] : [`pull:${number}`, `#${number}`]),
    ...(sha ? [`commit:${sha}`] : []),
    ...(sender ? [`by:${sender}`] : []),
    ...reasons.flatMap(({ workflow, reason }) => [`workflow:${workflow}`, reason]),
    ...[ref, event.delivery, event.answer].filter((each) => each !== undefined),
  ];
  return fold(`\n${lines.map((line) => line.replaceAll("\n", " ")).join("\n")}\n`);
}

function needlesOf({
  words = [],
  repository,
  group,
  event,
  pull,
  commit,
  workflow,
  by,
  trigger,
}: EventFilter): string[] {
  const line = (name: string, value: string | number | undefined, end = "\n") =>
    value === undefined ? [] : [`\n${name}:${value}${end}`];
  return [
    ...words,
    ...[...line("repo", repository), ...line("event", event), ...line("pull", pull), ...line("commit", commit, "")],
    ...[...line("workflow", workflow), ...line("by", by, ""), ...line("app", group), ...line("trigger", trigger)],
  ].map((needle) => fold(clean(needle)));
}
