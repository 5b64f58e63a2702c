import { html } from "hono/html";
import type { RunDetail } from "../model/history.ts";
import { type Action, type Attempt, isOpen, type LogLine, type Run, type Step } from "../model/run.ts";
import { visible } from "../model/visible.ts";
import type { Html } from "./layout.ts";
import { logLines } from "./log-lines.ts";
import { durationText, linkedText, name, reasonText, statusIcon, statusName, time } from "./shown.ts";
import { stepList } from "./step-list.ts";

/** A run that waits for limits can have any number of attempts; the latest are shown. */
const MAX_ATTEMPTS = 50;

/** The lines of each attempt, by its number. Those of older attempts may be left out. */
export type Lines = ReadonlyMap<number, readonly LogLine[]>;

/** What happened to a run, in order: started, each attempt with its steps and lines, what people did, and what comes next. */
export function timeLine(detail: RunDetail, lines: Lines, now: number) {
  const { run, attempts, actions } = detail;
  const shown = attempts.slice(-MAX_ATTEMPTS);
  const hidden = attempts.length - shown.length;
  const entries = [
    { at: run.acceptedAt, part: startedEntry(run, now) },
    ...(hidden > 0 ? [{ at: shown[0]?.startedAt ?? 0, part: leftOut(hidden, run) }] : []),
    ...shown.map((attempt, index) => {
      const before = shown[index - 1] ?? (hidden === 0 ? { endedAt: run.acceptedAt } : undefined);
      const earlier = shown.slice(0, index).findLast(({ code }) => code !== undefined);
      return { at: attempt.startedAt, part: attemptEntry(attempt, { detail, before, earlier, lines, now }) };
    }),
    ...underWay(detail, lines, now),
    ...actions
      .filter(({ action }) => action !== "started")
      .map((each) => ({ at: each.at, part: actionEntry(each, now) })),
  ];
  entries.sort((a, b) => a.at - b.at);
  return html`<ol class="line-of-time">
${entries.map(({ part }) => part)}
${nextEntry(detail, now)}
</ol>`;
}

const DOT = html`<span class="dot"></span>`;

function entry(icon: Html, title: unknown, words: unknown, more: unknown = "") {
  return html`<li>${icon}<p class="head"><strong>${title}</strong> ${words}</p>${more}</li>`;
}

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

function actionEntry({ at, actor, action, details }: Action, now: number) {
  const more = details === undefined ? "" : html`<p class="reason">${linkedText(details, now)}</p>`;
  const icon = action === "cancelled" ? statusIcon("cancelled") : DOT;
  return entry(icon, html`${DONE[action]} by ${name(actor)}`, time(at, "full", now), more);
}

function leftOut(attempts: number, { id }: Run) {
  return html`<li>${DOT}<p class="note">${attempts} earlier attempts are left out here;
GET /api/runs/${id} has them all.</p></li>`;
}

/** The attempt that has not ended: of the workflow, or of its `cancelled`. */
function underWay(detail: RunDetail, lines: Lines, now: number) {
  const { run } = detail;
  const { status, attempts: number } = run;
  const isCleaning = status === "cancelled" && number > (detail.attempts.at(-1)?.number ?? 0);
  if (status !== "running" && !isCleaning) return [];
  const at = (isCleaning ? run.endedAt : run.startedAt) ?? now;
  const log = logLines({ attempt: number, lines: lines.get(number) ?? [], isRunning: true, isOpen: true, now });
  const open = { ...detail, run: { ...run, endedAt: undefined } };
  const steps = stepList(stepsOf(detail, number), { from: at, to: now, now }, open);
  const since = html`running since ${time(at, "full", now)}`;
  return [{ at, part: entry(statusIcon("running"), titleOf(number, isCleaning), since, html`${steps}${log}`) }];
}

function titleOf(attempt: number, isCleaning: boolean | undefined) {
  if (!isCleaning) return `Attempt ${attempt}`;
  return html`Clean-up after the cancel <small>(attempt ${attempt}, <code>cancelled</code>)</small>`;
}

/** What began in an attempt. An attempt that only continued to wait is shown with the one before: what began there is here, too. */
function stepsOf({ attempts, steps }: RunDetail, number: number): readonly Step[] {
  const before = attempts.findLast((attempt) => attempt.number < number)?.number ?? 0;
  return steps.filter(({ attempt }) => attempt > before && attempt <= number);
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

/** Shorter waits than this between attempts go without saying. */
const WORTH_SAYING_MS = 1000;

type Surroundings = {
  readonly detail: RunDetail;
  /** What ended before it. */
  readonly before: { readonly endedAt: number } | undefined;
  /** The latest attempt before it whose code is known. */
  readonly earlier: Attempt | undefined;
  readonly lines: Lines;
  readonly now: number;
};

function attemptEntry(attempt: Attempt, { detail, before, earlier, lines, now }: Surroundings) {
  const { number, startedAt, endedAt, outcome, kind, reason, stack, handler } = attempt;
  const { run, attempts } = detail;
  // A limit is not a failure: the run continued after it, unless it brought its token.
  const isLimit = kind === "limit";
  const ended = isLimit ? "Met a limit of GitHub" : outcome === "waiting" ? "Began to wait" : statusName(outcome);
  const waitedMs = before === undefined ? 0 : startedAt - before.endedAt;
  const isLast = attempt === attempts.at(-1);
  // The reason that the run itself has stands above it already.
  const isSaid = isLast && reason === run.reason;
  const frames = html`<pre class="stack" tabindex="0" role="group" aria-label="Stack of attempt ${number}"
><code>${visible(stack ?? "")}</code></pre>`;
  return entry(
    statusIcon(isLimit ? "queued" : outcome),
    titleOf(number, handler),
    `${ended} after ${durationText(endedAt - startedAt)}`,
    html`<p class="note">Began ${time(startedAt, "full", now)}${
      waitedMs >= WORTH_SAYING_MS ? `, after waiting ${durationText(waitedMs)}` : ""
    }.${aboutOf(attempt, earlier)}</p>
${reason && !isSaid ? html`<p class="reason">${reasonText(reason, { waits: isLimit, now })}</p>` : ""}
${stack === undefined ? "" : frames}
${stepList(stepsOf(detail, number), { from: startedAt, to: endedAt, now }, detail)}
${logLines({ attempt: number, lines: lines.get(number) ?? [], isOpen: outcome === "failure" || (isLast && isOpen(run)), now })}`,
  );
}

/** The code that it used, and what GitHub's support asks for. */
function aboutOf({ code, githubRequestId }: Attempt, earlier: Attempt | undefined) {
  const changed =
    earlier && code !== earlier.code ? html`, <strong>changed</strong> since attempt ${earlier.number}` : "";
  const version = code === undefined ? "" : html` Code <code>${code}</code>${changed}.`;
  const request = githubRequestId ? html` GitHub’s request id: <code>${githubRequestId}</code>` : "";
  return html`${version}${request}`;
}
