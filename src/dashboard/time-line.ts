import { html } from "hono/html";
import type { RunDetail } from "../model/history.ts";
import type { Action, Attempt, Run } from "../model/run.ts";
import {
  type AttemptFacts,
  attemptEntry,
  attemptLine,
  entry,
  type Room,
  underWay,
  underWayEntry,
} from "./attempt-view.ts";
import type { Html } from "./layout.ts";
import { clipped, sizeOf } from "./room.ts";
import { counted, linkedText, name, plural, statusIcon, time } from "./shown.ts";

/** Something that happened: with all details, and in one line if that is shorter. */
type Item = { readonly at: number; readonly whole: (room: Room) => Html; readonly line?: () => Html };

/**
 * What happened to a run, in order: its start, each attempt with steps and log lines, actions of people, and what comes next.
 * The latest attempt gets most of the room. Older ones are shown whole while there is room, then in one line, then not at all.
 * @param bytes how much of the page it may take.
 */
export function timeLine(facts: AttemptFacts, bytes: number) {
  const { detail, now } = facts;
  const { run, attempts, actions } = detail;
  const current = underWay(detail);
  const tried: Item[] = attempts.map((attempt, at) => ({
    at: attempt.startedAt,
    whole: (room) => attemptEntry(attempt, neighbours(attempts, at, run), facts, room),
    line: () => attemptLine(attempt, detail, now),
  }));
  if (current) tried.push({ at: current.at, whole: (room) => underWayEntry(current, facts, room) });
  const latest = tried.at(-1);
  const done = actions.filter(({ action }) => action !== "started");
  const items = [...tried, ...done.map((each) => ({ at: each.at, whole: () => actionEntry(each, now) }))];
  items.sort((one, other) => one.at - other.at);

  const started = startedEntry(run, now);
  const first = latest?.whole(latestRoom(bytes)) ?? html``;
  let room = bytes - sizeOf(started) - sizeOf(first) - MAX_REST_BYTES;
  const parts: Html[] = [];
  for (const item of items.toReversed()) {
    const part = item === latest ? first : fittingPart(item, room);
    if (part === undefined) break;
    if (item !== latest) room -= sizeOf(part);
    parts.unshift(part);
  }
  const left = items.length - parts.length;
  return html`<ol class="line-of-time">
${started}${left > 0 ? leftOut(left, run, attempts) : ""}${parts}
${nextEntry(detail, now)}
</ol>`;
}

/** With less room, no attempt is rendered whole: that would cost time, and it would not fit. */
const WHOLE_FROM_BYTES = 4000;

/** An older entry with all details if it takes up to half of the remaining room, otherwise in one line. */
function fittingPart({ whole, line }: Item, room: number): Html | undefined {
  const all = line && room < WHOLE_FROM_BYTES ? undefined : whole(ROOM_OF_OTHERS);
  if (all && sizeOf(all) <= (line ? room / 2 : room)) return all;
  const short = line?.();
  return short !== undefined && sizeOf(short) <= room ? short : undefined;
}

/** Room for what is always shown: the last entry, and the note that some entries are not shown. */
const MAX_REST_BYTES = 1800;

/** How the latest attempt divides the room between its steps, log lines and writes. */
const latestRoom = (bytes: number): Room => ({ steps: bytes * 0.25, log: bytes * 0.4, sent: bytes * 0.1 });

const ROOM_OF_OTHERS: Room = { steps: 2000, log: 3000, sent: 1000 };

function neighbours(attempts: readonly Attempt[], index: number, run: Run) {
  return {
    before: attempts[index - 1] ?? { endedAt: run.acceptedAt },
    earlier: attempts.slice(0, index).findLast(({ code }) => code !== undefined),
  };
}

/** One attempt, with all the room. */
export function oneAttempt(facts: AttemptFacts, number: number, bytes: number): Html | undefined {
  const { attempts, run } = facts.detail;
  const room = { steps: bytes * 0.25, log: bytes * 0.5, sent: bytes * 0.15 };
  const index = attempts.findIndex((attempt) => attempt.number === number);
  const attempt = attempts[index];
  const current = underWay(facts.detail);
  const part = attempt
    ? attemptEntry(attempt, neighbours(attempts, index, run), facts, room)
    : current?.number === number
      ? underWayEntry(current, facts, room)
      : undefined;
  return part && html`<ol class="line-of-time">${part}</ol>`;
}

const DOT = html`<span class="dot"></span>`;

function startedEntry({ actor, acceptedAt }: Run, now: number) {
  return entry(DOT, actor === undefined ? "Accepted" : html`Started by ${name(actor)}`, time(acceptedAt, "full", now));
}

const DONE: Readonly<Record<Action["action"], string>> = {
  started: "Started",
  "re-run": "Re-run",
  cancelled: "Cancelled",
  paused: "Paused",
  resumed: "Resumed",
  answered: "Answered",
};

const MAX_DETAILS_BYTES = 500;

function actionEntry({ at, actor, action, details }: Action, now: number) {
  const text = clipped(details ?? "", MAX_DETAILS_BYTES);
  const more = text === "" ? "" : html`<p class="reason">${linkedText(text, now)}</p>`;
  const icon = action === "cancelled" ? statusIcon("cancelled") : DOT;
  return entry(icon, html`${DONE[action]} by ${name(actor)}`, time(at, "full", now), more);
}

/** Enough to reach any attempt in a click or two. */
const MAX_LINKS = 10;

function leftOut(entries: number, { id }: Run, attempts: readonly Attempt[]) {
  const links = attempts
    .slice(0, MAX_LINKS)
    .map(({ number }) => html`<a href="/runs/${id}/attempts/${number}">${number}</a> `);
  return html`<li>${DOT}<p class="note">${counted(entries)} earlier ${plural(entries, "entry is", "entries are")} not shown here.
GET /api/runs/${id} returns all. ${links.length > 0 ? html`Attempts ${links}` : ""}</p></li>`;
}

/** What comes next. */
function nextEntry({ run: { status, dueAt, endedAt }, attempts }: RunDetail, now: number) {
  if (status === "queued") {
    const when = dueAt === undefined || dueAt <= now ? "when its turn comes" : time(dueAt, "full", now);
    return entry(statusIcon("queued"), attempts.length === 0 ? "First attempt" : "Next attempt", when);
  }
  if (status === "waiting") {
    const when =
      dueAt === undefined
        ? "when an event or an answer wakes it"
        : html`${time(dueAt, "full", now)}, or when an event or an answer wakes it`;
    return entry(statusIcon("waiting"), "Next attempt", when);
  }
  if (status !== "superseded") return "";
  return entry(statusIcon("superseded"), "Superseded", endedAt === undefined ? "" : time(endedAt, "full", now));
}
