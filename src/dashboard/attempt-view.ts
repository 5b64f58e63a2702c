import { html } from "hono/html";
import type { RunDetail } from "../model/history.ts";
import { type Attempt, isOpen, type LogLevel, type LogLine, type Step } from "../model/run.ts";
import type { Html } from "./layout.ts";
import { logLines } from "./log-lines.ts";
import { clipped } from "./room.ts";
import { sentView } from "./sent-view.ts";
import { durationText, reasonText, statusIcon, statusName, time } from "./shown.ts";
import { stackView } from "./stack-view.ts";
import { stepList, ticking } from "./step-list.ts";

/** The log lines of each attempt, by its number. Lines of older attempts may be missing. */
export type Lines = ReadonlyMap<number, readonly LogLine[]>;

export type AttemptFacts = {
  readonly detail: RunDetail;
  readonly lines: Lines;
  /** Only lines of this level and worse are shown. */
  readonly level: LogLevel | undefined;
  /** The path of the page. */
  readonly path: string;
  readonly now: number;
};

/** How many bytes of the page the parts of an attempt may take. */
export type Room = { readonly steps: number; readonly log: number; readonly sent: number };

/** An entry of the time line: an icon, a heading and details. */
export function entry(icon: Html, title: unknown, words: unknown, more: unknown = "") {
  return html`<li>${icon}<p class="head"><strong>${title}</strong> ${words}</p>${more}</li>\n`;
}

/** Shorter waits before an attempt are not shown. */
const SHOWN_WAIT_MS = 1000;

const MAX_REASON_BYTES = 1500;

type Neighbours = {
  /** The previous attempt. For the first one, the time at which the run was accepted. */
  readonly before: { readonly endedAt: number } | undefined;
  /** The latest earlier attempt whose code is known. */
  readonly earlier: Attempt | undefined;
};

/** An ended attempt with its details, as far as there is room. */
export function attemptEntry(attempt: Attempt, { before, earlier }: Neighbours, facts: AttemptFacts, room: Room) {
  const { detail, now } = facts;
  const { number, startedAt, endedAt, outcome, kind, reason, stack, sent } = attempt;
  const { run, attempts } = detail;
  const waitedMs = before === undefined ? 0 : startedAt - before.endedAt;
  const isLast = attempt === attempts.at(-1);
  // The page already shows the run's reason above.
  const isSaid = isLast && reason === run.reason;
  // For older attempts, the end of the log matters less than the attempts that follow.
  const isFailed = outcome === "failure" && (isLast || facts.path.endsWith(`/attempts/${number}`));
  const why = clipped(reason ?? "", MAX_REASON_BYTES);
  return entry(
    iconOf(attempt),
    linked(run.id, attempt),
    endOf(attempt),
    html`<p class="note">Began ${time(startedAt, "full", now)}${
      waitedMs >= SHOWN_WAIT_MS ? `, after waiting ${durationText(waitedMs)}` : ""
    }.${aboutOf(attempt, earlier)}</p>
${why && !isSaid ? html`<p class="reason">${reasonText(why, { waits: kind === "limit", now })}</p>` : ""}
${stack === undefined ? "" : stackView(number, stack)}
${stepList(stepsOf(detail, number), { from: startedAt, to: endedAt, now }, detail, room.steps)}
${sentView(number, sent, { bytes: room.sent, now })}
${log(number, facts, room, { atEnd: isFailed, isOpen: isFailed || (isLast && isOpen(run)) })}`,
  );
}

/** An ended attempt in one line, with a link to its details. */
export function attemptLine(attempt: Attempt, { run }: RunDetail, now: number) {
  const began = html`${endOf(attempt)} <span class="note">${time(attempt.startedAt, "clock", now)}</span>`;
  return entry(iconOf(attempt), linked(run.id, attempt), began);
}

/** The attempt that is running: of the workflow's `run` or `cancelled`. Undefined if there is none. */
export function underWay(
  detail: RunDetail,
): { readonly number: number; readonly at: number; readonly handler: boolean } | undefined {
  const { run } = detail;
  const handler = run.status === "cancelled" && run.attempts > (detail.attempts.at(-1)?.number ?? 0);
  if (run.status !== "running" && !handler) return undefined;
  return { number: run.attempts, at: (handler ? run.endedAt : run.startedAt) ?? run.acceptedAt, handler };
}

export function underWayEntry(
  { number, at, handler }: NonNullable<ReturnType<typeof underWay>>,
  facts: AttemptFacts,
  room: Room,
) {
  const { detail, now } = facts;
  const open = { ...detail, run: { ...detail.run, endedAt: undefined } };
  const steps = stepList(stepsOf(detail, number), { from: at, to: now, now }, open, room.steps);
  const since = html`running since ${time(at, "full", now)}, for ${ticking(now - at)}`;
  const log_ = log(number, facts, room, { atEnd: true, isOpen: true });
  return entry(statusIcon("running"), linked(detail.run.id, { number, handler }), since, html`${steps}${log_}`);
}

function log(
  number: number,
  { detail: { run }, lines, level, path, now }: AttemptFacts,
  { log: bytes }: Room,
  how: { readonly atEnd?: boolean; readonly isOpen: boolean },
) {
  return logLines({ run: run.id, attempt: number, lines: lines.get(number) ?? [], level, path, bytes, now, ...how });
}

function linked(run: string, { number, handler = false }: Pick<Attempt, "number" | "handler">) {
  const link = html`<a href="/runs/${run}/attempts/${number}">`;
  if (!handler) return html`${link}Attempt ${number}</a>`;
  return html`Clean-up after the cancel <small>(${link}attempt ${number}</a>, <code>cancelled</code>)</small>`;
}

// A limit is not a failure: the run continued after it, unless its event brought a token.
const iconOf = ({ kind, outcome }: Attempt) => statusIcon(kind === "limit" ? "queued" : outcome);

/** How it ended, and after how long. */
export function endOf({ kind, outcome, startedAt, endedAt }: Attempt): string {
  const ended =
    kind === "limit" ? "Reached a GitHub rate limit" : outcome === "waiting" ? "Began to wait" : statusName(outcome);
  return `${ended} after ${durationText(endedAt - startedAt)}`;
}

/** The steps that began in an attempt. Attempts that only continued to wait have no entry, so their steps are included here. */
function stepsOf({ attempts, steps }: RunDetail, number: number): readonly Step[] {
  const before = attempts.findLast((attempt) => attempt.number < number)?.number ?? 0;
  return steps.filter(({ attempt }) => attempt > before && attempt <= number);
}

/** The version of the code, and the request id that GitHub's support asks for. */
function aboutOf({ code, githubRequestId }: Attempt, earlier: Attempt | undefined) {
  const changed =
    earlier && code !== earlier.code ? html`, <strong>changed</strong> since attempt ${earlier.number}` : "";
  const version = code === undefined ? "" : html` Code version <code>${code}</code>${changed}.`;
  const request = githubRequestId ? html` GitHub’s request id: <code>${githubRequestId}</code>` : "";
  return html`${version}${request}`;
}
