import { html, raw } from "hono/html";
import { factsText } from "../model/line-text.ts";
import { isAtLeast, type LogLevel, type LogLine } from "../model/run.ts";
import { visible } from "../model/visible.ts";
import { clipped, fitting } from "./room.ts";
import { counted, plural } from "./shown.ts";
import { stackInLog } from "./stack-view.ts";

/** A log with up to this many lines is always unfolded. */
const SHORT_LINES = 10;

type LogFacts = {
  readonly run: string;
  readonly attempt: number;
  readonly lines: readonly LogLine[];
  /** Only lines of this level and worse. */
  readonly level: LogLevel | undefined;
  /** The path of the page. Links add the level to it. */
  readonly path: string;
  /** The log is scrolled to its end, even when lines are added. */
  readonly atEnd?: boolean;
  /** The log is unfolded, however long it is, until the reader folds it. */
  readonly isOpen: boolean;
  /** How many bytes of the page the lines may take. */
  readonly bytes: number;
  readonly now: number;
};

/** The log lines of an attempt: as many of the latest as fit. */
export function logLines({ run, attempt, lines, level, path, atEnd = false, isOpen, bytes, now }: LogFacts) {
  if (lines.length === 0) return "";
  const count = (of: LogLevel) => lines.filter((line) => line.level === of).length;
  const [warnings, errors] = [count("warn"), count("error")];
  const counts = [
    `${counted(lines.length)} ${plural(lines.length, "line", "lines")}`,
    ...(warnings > 0 ? [`${warnings} ${plural(warnings, "warning", "warnings")}`] : []),
    ...(errors > 0 ? [`${errors} ${plural(errors, "error", "errors")}`] : []),
  ];
  const wanted = lines.filter(isAtLeast(level ?? "debug"));
  const { shown, left } = fitting(wanted, bytes, (line) => lineEntry(line, attempt, now));
  const whole = `/runs/${run}/log?attempt=${attempt}`;
  const earlier =
    left === 0
      ? ""
      : html`<p class="note earlier" id="earlier-${attempt}"><a href="${whole}">${counted(left)} earlier
${plural(left, "line", "lines")}</a></p>`;
  const none = wanted.length === 0 ? html`<p class="note">No line of this level.</p>` : "";
  const open = raw(isOpen || level !== undefined || lines.length <= SHORT_LINES ? " open" : "");
  return html`<details class="log" id="log-${attempt}"${open}>
<summary>Log <span class="note">${counts.join(", ")}</span></summary>
<p class="levels">${warnings + errors > 0 || level !== undefined ? levelLinks(path, level, `log-${attempt}`) : ""}
<a href="${whole}">Whole log</a> <a href="/runs/${run}/log.txt?attempt=${attempt}">Plain text</a></p>
<div class="lines" tabindex="0" role="group" aria-label="Log of attempt ${attempt}"${raw(atEnd ? " data-tail" : "")}>
${earlier}${none}${shown}
</div></details>`;
}

const CHOICES = [
  [undefined, "All"],
  ["info", "Info"],
  ["warn", "Warnings"],
  ["error", "Errors"],
] as const;

/** Links that choose which lines are shown: all, or a level and worse. */
export function levelLinks(path: string, level: LogLevel | undefined, anchor: string) {
  const links = CHOICES.map(([each, text]) => {
    const query = each === undefined ? "" : `${path.includes("?") ? "&" : "?"}level=${each}`;
    return html`<a href="${path}${query}#${anchor}"${raw(each === level ? ' aria-current="true"' : "")}>${text}</a> `;
  });
  return html`<span class="choice" role="group" aria-label="Level">${links}</span>`;
}

/** Longer lines are cut. The plain text has the whole line. */
const MAX_LINE_BYTES = 2000;

/** A line in compact HTML: there may be hundreds. */
export function lineEntry({ number, at, level, message, facts }: LogLine, attempt: number, now: number) {
  const { words, stacks } = factsText(facts ?? {});
  const marked = level === "info" ? "" : html`<b class="level">${level}</b> `;
  const shown = (text: string) => clipped(visible(text), MAX_LINE_BYTES);
  const about = words.length === 0 ? "" : html` <i>${shown(words.join(" "))}</i>`;
  const frames = stacks.map((stack) => html`\n<i>${shown(stackInLog(stack))}</i>`);
  return html`<p${level === "info" ? "" : html` class="is-${level}"`} id="line-${attempt}-${number}">${moment(at, now)} <span>${marked}${shown(
    message,
  )}${about}${frames}</span></p>\n`;
}

/** Like `time`, but without a title: the script adds it. */
function moment(at: number, now: number) {
  const iso = new Date(at).toISOString();
  const day = iso.slice(0, 10) === new Date(now).toISOString().slice(0, 10) ? "" : `${iso.slice(5, 10)} `;
  return html`<time datetime="${iso}" data-as="second">${day}${iso.slice(11, 19)}</time>`;
}
