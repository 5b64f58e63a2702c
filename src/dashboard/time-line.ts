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

/** Something that happened: all of it, and in a line where that is shorter. */
type Item = { readonly at: number; readonly whole: (room: Room) => Html; readonly line?: () => Html };

/**
 * What happened to a run, in order: started, each attempt with its steps and lines, what people did, and what comes next.
 * The latest attempt has most of the room, older ones are shown whole as long as there is some, then as a line, and then
 * left out.
 * @param bytes that it may take of the page.
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

/** With less room no attempt is tried whole: it costs time, and does not fit. */
const WHOLE_FROM_BYTES = 4000;

/** All of an older entry while it takes no more than half of what is left: a line per attempt is worth more. */
function fittingPart({ whole, line }: Item, room: number): Html | undefined {
  const all = line && room < WHOLE_FROM_BYTES ? undefined : whole(ROOM_OF_OTHERS);
  if (all && sizeOf(all) <= (line ? room / 2 : room)) return all;
  const short = line?.();
  return short !== undefined && sizeOf(short) <= room ? short : undefined;
}

/** What stands there in any case: the last entry, and that some are left out. */
const MAX_REST_BYTES = 1800;

/** Of the room that there is, what the steps, the lines and the writes of the latest attempt may take. */
const latestRoom = (bytes: number): Room => ({ steps: bytes * 0.25, log: bytes * 0.4, sent: bytes * 0.1 });

const ROOM_OF_OTHERS: Room = { steps: 2000, log: 3000, sent: 1000 };

function neighbours(attempts: readonly Attempt[], index: number, run: Run) {
  return {
    before: attempts[index - 1] ?? { endedAt: run.acceptedAt },
    earlier: attempts.slice(0, index).findLast(({ code }) => code !== undefined),
  };
}

/** One attempt alone: all the room is its. */
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

/** Enough to get to any attempt in a click or two. */
const MAX_LINKS = 10;

function leftOut(entries: number, { id }: Run, attempts: readonly Attempt[]) {
  const links = attempts
    .slice(0, MAX_LINKS)
    .map(({ number }) => html`<a href="/runs/${id}/attempts/${number}">${number}</a> `);
  return html`<li>${DOT}<p class="note">${counted(entries)} earlier ${plural(entries, "entry is", "entries are")} left out here;
GET /api/runs/${id} has them all. ${links.length > 0 ? html`Attempts ${links}` : ""}</p></li>`;
}

/** What comes next. */
function nextEntry({ run: { status, dueAt, endedAt }, attempts }: RunDetail, now: number) {
  if (status === "queued") {
    const when = dueAt === undefined || dueAt <= now ? "as soon as its turn comes" : time(dueAt, "full", now);
    return entry(statusIcon("queued"), attempts.length === 0 ? "First attempt" : "Next attempt", when);
  }
  if (status === "waiting") {
    const when = dueAt === undefined ? "when it is woken" : html`${time(dueAt, "full", now)}, or when it is woken`;
    return entry(statusIcon("waiting"), "Next attempt", when);
  }
  if (status !== "superseded") return "";
  return entry(statusIcon("superseded"), "Superseded", endedAt === undefined ? "" : time(endedAt, "full", now));
}
