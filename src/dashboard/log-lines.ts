import { html, raw } from "hono/html";
import { factsText } from "../model/line-text.ts";
import type { LogLine } from "../model/run.ts";
import { visible } from "../model/visible.ts";
import { counted, cut, plural, time } from "./shown.ts";

/** Of one line; the API has all of it. */
const MAX_LINE_CHARACTERS = 4000;

/** A log that is not longer is never folded. */
const SHORT_LINES = 10;

type LogFacts = {
  readonly attempt: number;
  readonly lines: readonly LogLine[];
  /** Its end is looked at while lines are added. */
  readonly isRunning?: boolean;
  /** Unfolded however long it is, until the reader folds it. */
  readonly isOpen: boolean;
  readonly now: number;
};

/** What a workflow has written in an attempt. */
export function logLines({ attempt, lines, isRunning = false, isOpen, now }: LogFacts) {
  if (lines.length === 0) return "";
  const count = (level: LogLine["level"]) => lines.filter((line) => line.level === level).length;
  const [warnings, errors] = [count("warn"), count("error")];
  const counts = [
    `${counted(lines.length)} ${plural(lines.length, "line", "lines")}`,
    ...(warnings > 0 ? [`${warnings} ${plural(warnings, "warning", "warnings")}`] : []),
    ...(errors > 0 ? [`${errors} ${plural(errors, "error", "errors")}`] : []),
  ];
  return html`<details class="log" id="log-${attempt}"${raw(isOpen || lines.length <= SHORT_LINES ? " open" : "")}>
<summary>Log <span class="note">${counts.join(", ")}</span></summary>
<div class="lines" tabindex="0" role="group" aria-label="Log of attempt ${attempt}"${raw(isRunning ? " data-tail" : "")}>
${lines.map((line) => lineEntry(line, attempt, now))}
</div></details>`;
}

function lineEntry({ number, at, level, message, facts }: LogLine, attempt: number, now: number) {
  const { words, stacks } = factsText(facts ?? {});
  const shown = (text: string) => visible(cut(text, MAX_LINE_CHARACTERS));
  const marked = level === "info" ? "" : html`<b class="level">${level}</b> `;
  const about = words.length === 0 ? "" : html` <i>${shown(words.join(" "))}</i>`;
  const frames = stacks.map((stack) => html`\n<i>${shown(stack)}</i>`);
  return html`<p class="is-${level}" id="line-${attempt}-${number}">${time(at, "second", now)} <span>${marked}${shown(
    message,
  )}${about}${frames}</span></p>`;
}
