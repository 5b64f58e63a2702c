import { html } from "hono/html";
import type { LinesPage } from "../model/history.ts";
import type { Run } from "../model/run.ts";
import { type Frame, layout } from "./layout.ts";
import { levelLinks, lineEntry } from "./log-lines.ts";
import type { LogQuery } from "./log-query.ts";
import { sizeOf } from "./room.ts";
import { name, nameText, statusName, subjectOf } from "./shown.ts";

/** How many bytes of the page the lines may take. */
const MAX_BYTES = 44_000;

type Lines = LinesPage["lines"];

/** All log lines of a run, page by page. */
export function logPage(frame: Frame, run: Run, query: LogQuery, lines: Lines, more: boolean) {
  const subject = subjectOf(run);
  const { shown, rest } = fittingFromStart(lines, frame.now);
  const last = lines[lines.length - rest - 1];
  const next = last && (rest > 0 || more) ? `${last.attempt}.${last.number}` : undefined;
  const path = logPath(run.id, { ...query, level: undefined, after: undefined });
  const title = query.attempt === undefined ? "Log" : `Log of attempt ${query.attempt}`;
  return layout(
    `${nameText(subject)}: log`,
    "runs",
    frame,
    html`<nav class="crumbs" aria-label="Breadcrumb"><a href="/">Runs</a> <span aria-hidden="true">/</span>
<a href="/runs/${run.id}">${name(subject)}</a> <span aria-hidden="true">/</span> <span aria-current="page">${title}</span></nav>
<div class="title"><h1>${title}</h1></div>
<p class="levels">${levelLinks(path, query.level, "log")}${attemptLinks(run, query)}
<a href="/runs/${run.id}/log.txt${query.attempt === undefined ? "" : `?attempt=${query.attempt}`}">Plain text</a></p>
<div id="log" data-live>
<div class="lines whole" tabindex="0" role="group" aria-label="${title}">
${shown.length === 0 ? html`<p class="note">No lines. The run is ${statusName(run.status).toLowerCase()}.</p>` : shown}
</div>
<nav class="paging" aria-label="Pages of the log">
${query.after === undefined ? "" : html`<a href="${logPath(run.id, { ...query, after: undefined })}">First lines</a>`}
${next === undefined ? "" : html`<a href="${logPath(run.id, { ...query, after: next })}" rel="next">Next lines</a>`}
</nav></div>`,
  );
}

/** Links to this many of the latest attempts. */
const MAX_LINKS = 10;

function attemptLinks({ id, attempts }: Run, query: LogQuery) {
  if (attempts < 2) return "";
  const numbers = Array.from({ length: Math.min(attempts, MAX_LINKS) }, (_, at) => attempts - at).reverse();
  const link = (attempt: number | undefined, text: string | number) => {
    const href = logPath(id, { ...query, attempt, after: undefined });
    return html`<a href="${href}"${attempt === query.attempt ? html` aria-current="true"` : ""}>${text}</a> `;
  };
  return html` <span class="choice" role="group" aria-label="Attempt">${link(undefined, "All attempts")}${numbers.map((each) => link(each, each))}</span>`;
}

function fittingFromStart(lines: Lines, now: number) {
  const shown: ReturnType<typeof lineEntry>[] = [];
  let [room, attempt] = [MAX_BYTES, 0];
  for (const line of lines) {
    const heading = line.attempt === attempt ? "" : html`<h2>Attempt ${line.attempt}</h2>`;
    const part = html`${heading}${lineEntry(line, line.attempt, now)}`;
    room -= sizeOf(part);
    if (room < 0 && shown.length > 0) break;
    attempt = line.attempt;
    shown.push(part);
  }
  return { shown, rest: lines.length - shown.length };
}

function logPath(id: string, { attempt, level, after }: LogQuery): string {
  const query = new URLSearchParams();
  if (attempt !== undefined) query.set("attempt", String(attempt));
  if (level !== undefined) query.set("level", level);
  if (after !== undefined) query.set("after", after);
  const text = String(query);
  return `/runs/${id}/log${text === "" ? "" : `?${text}`}`;
}
