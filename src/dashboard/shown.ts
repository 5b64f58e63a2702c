import { html, raw } from "hono/html";
import type { Attempt, Json, ListedRun, RunStatus } from "../model/run.ts";
import { visible, visibleName } from "../model/visible.ts";
import { marked } from "./marked.ts";

/** A name that is looked up has up to 253 characters. Other names, such as skipped ones, may have any length. */
const MAX_NAME_CHARACTERS = 100;
const MAX_WHOLE_CHARACTERS = 253;
const MAX_WHOLE_BYTES = 200;

/**
 * A name from outside. It cannot change the direction of the text around it. Long names are cut; the title has more of it.
 * @param words are marked in the name.
 */
export function name(text: string, words?: readonly string[]) {
  const whole = visibleName(cut(text, MAX_WHOLE_CHARACTERS, MAX_WHOLE_BYTES));
  const shown = nameText(text);
  return html`<bdi${shown === whole ? "" : html` title="${whole}"`}>${marked(shown, words)}</bdi>`;
}

/** The same as plain text. */
export function nameText(text: string): string {
  return visibleName(cut(text, MAX_NAME_CHARACTERS));
}

/**
 * Cuts a text to a number of characters, and adds … if it was cut. Cuts earlier if they would take over a quarter more bytes: a
 * text from outside may consist of characters that are escaped, and the page must stay small.
 */
export function cut(text: string, most: number, mostBytes = 1.25 * most): string {
  if (text.length <= most && text.length <= mostBytes && PLAIN.test(text)) return text;
  let [units, characters, bytes] = [0, 0, 0];
  for (const character of text) {
    bytes += PLAIN.test(character) ? 1 : Buffer.byteLength(ESCAPED[character] ?? visible(character));
    if (++characters > most || bytes > mostBytes) return `${text.slice(0, units)}…`;
    units += character.length;
  }
  return text;
}

/** Characters that take one byte. */
const PLAIN = /^[\t\n !#-%(-;=?-~]*$/;

/** As `html` writes them. */
const ESCAPED: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** The name of a run: its title, or its group, such as the application, or its workflow. */
export function subjectOf({ title, group, workflow }: Pick<ListedRun, "title" | "group" | "workflow">): string {
  return title || group || workflow;
}

export const counted = (number: number): string => number.toLocaleString("en");

/** The word that fits a number: `run`, `runs`. */
export const plural = (number: number, one: string, more: string): string => (number === 1 ? one : more);

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A time that is closer to now than this is shown with seconds. The script does the same. */
const NEAR_MS = 2 * MINUTE;

/**
 * A time in UTC. The page's script converts it to the reader's zone.
 * @param milliseconds since the epoch.
 */
export function time(milliseconds: number, as: "age" | "clock" | "second" | "full", now: number) {
  const iso = new Date(milliseconds).toISOString();
  const full = `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
  const day = iso.slice(0, 10) === new Date(now).toISOString().slice(0, 10) ? "" : `${iso.slice(5, 10)} `;
  const clock = `${day}${iso.slice(11, Math.abs(milliseconds - now) < NEAR_MS ? 19 : 16)} UTC`;
  const second = `${day}${iso.slice(11, 19)}`;
  const text = { age: ageText(now - milliseconds), clock, second, full }[as];
  return html`<time datetime="${iso}" data-as="${as}" title="${full}">${text}</time>`;
}

export function ageText(milliseconds: number): string {
  if (milliseconds < MINUTE) return "just now";
  if (milliseconds < HOUR) return `${Math.floor(milliseconds / MINUTE)} min ago`;
  if (milliseconds < DAY) return `${Math.floor(milliseconds / HOUR)} h ago`;
  const days = Math.floor(milliseconds / DAY);
  return days === 1 ? "yesterday" : `${days} days ago`;
}

export function durationText(milliseconds: number): string {
  if (milliseconds < SECOND) return `${Math.max(0, Math.round(milliseconds))} ms`;
  if (milliseconds < MINUTE) return `${(milliseconds / SECOND).toFixed(milliseconds < 10 * SECOND ? 1 : 0)} s`;
  if (milliseconds < HOUR) return parts(milliseconds, [MINUTE, "min"], [SECOND, "s"]);
  if (milliseconds < DAY) return parts(milliseconds, [HOUR, "h"], [MINUTE, "min"]);
  return parts(milliseconds, [DAY, "d"], [HOUR, "h"]);
}

type Unit = readonly [milliseconds: number, name: string];

function parts(milliseconds: number, [large, largeName]: Unit, [small, smallName]: Unit): string {
  const rest = Math.floor((milliseconds % large) / small);
  return `${Math.floor(milliseconds / large)} ${largeName}${rest > 0 ? ` ${rest} ${smallName}` : ""}`;
}

/** Duration of the latest attempt in ms. While it runs: its duration so far. */
export function tookMs(
  { status, startedAt, endedAt }: Pick<ListedRun, "status" | "startedAt" | "endedAt">,
  now: number,
): number | undefined {
  if (startedAt === undefined || status === "superseded" || status === "queued" || status === "waiting")
    return undefined;
  return Math.max(0, (endedAt ?? now) - startedAt);
}

/** `waits`: the run continues automatically. What it tried has not succeeded yet, but the run has not failed. */
type Telling = { readonly waits?: boolean; readonly now: number; readonly words?: readonly string[] | undefined };

/**
 * A run's reason: "TRIED failed: WHAT HAPPENED. WHAT TO DO". The page shows times in it in the reader's zone.
 */
export function reasonText(reason: string, telling: Telling) {
  return withTimes(asTold(reason, telling), telling.now, telling.words);
}

function asTold(reason: string, { waits = false }: Pick<Telling, "waits">): string {
  const { tried, rest } = partsOf(reason);
  return tried === undefined || !waits ? reason : `${tried}: ${rest}`;
}

/** The same, with TRIED as a heading. */
export function headedReason(reason: string, { waits = false, now }: Telling) {
  const { tried, rest } = partsOf(reason);
  if (tried === undefined) return withTimes(reason, now);
  return html`<strong>${visible(tried)}${waits ? "" : " failed"}:</strong> ${withTimes(rest, now)}`;
}

function partsOf(reason: string): { tried: string | undefined; rest: string } {
  const [, tried, rest = ""] = /^([^\n]{3,200}?) failed: (.+)$/s.exec(reason) ?? [];
  return { tried, rest };
}

/** Matches a time in the format of `Date.toISOString`. */
const TIME = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)/;

function withTimes(text: string, now: number, words?: readonly string[]) {
  return visible(text)
    .split(TIME)
    .map((part) => {
      const at = TIME.test(part) ? Date.parse(part) : Number.NaN;
      return Number.isNaN(at) ? marked(part, words) : time(at, "clock", now);
    });
}

/** The same, with ids as links to their runs. */
export function linkedText(text: string, now: number, told: Pick<Telling, "waits"> = {}) {
  return asTold(text, told)
    .split(ID)
    .map((part, at) => (at % 2 === 1 ? html`<a href="/runs/${part}">${part}</a>` : withTimes(part, now)));
}

const ID = /\b([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b/;

type Status = RunStatus | Attempt["outcome"];

/** `queued` is shown as Queued. */
export const statusName = (status: Status): string => status.charAt(0).toUpperCase() + status.slice(1);

const RING = '<circle cx="8" cy="8" r="6.25" class="line"/>';
const DISC = '<circle cx="8" cy="8" r="7" class="fill"/>';
const PAUSE = `${RING}<path d="M6.25 5.5v5m3.5-5v5" class="line"/>`;

/** Each status has its shape, so that readers can recognise it without colour. 16 units wide and high. */
const SHAPES: Readonly<Record<Status, string>> = {
  queued: `${RING}<path d="M8 4.5V8l2.5 1.5" class="line"/>`,
  running:
    '<circle cx="8" cy="8" r="6.25" class="line faint"/><path d="M8 1.75A6.25 6.25 0 0 1 14.25 8" class="line"/>',
  success: `${DISC}<path d="M4.75 8.25 7 10.5l4.25-4.75" class="cut"/>`,
  failure: `${DISC}<path d="m5.5 5.5 5 5m0-5-5 5" class="cut"/>`,
  skipped: `${RING}<path d="m4 12 8-8" class="line"/>`,
  waiting: `${RING}<path d="M5.5 4.5h5L8 8l2.5 3.5h-5L8 8Z" class="line"/>`,
  cancelled: `${RING}<path d="M5.5 5.5h5v5h-5Z" class="line"/>`,
  superseded: `${RING}<path d="M4.75 8h6m-2.5-2.75L11 8l-2.75 2.75" class="line"/>`,
  interrupted: PAUSE,
  stopped: PAUSE,
};

/** The icon of a status. Use `alone` if no word beside it names the status. */
export function statusIcon(status: Status, { alone = false } = {}) {
  const meaning = alone ? html`role="img" aria-label="${statusName(status)}"` : raw('aria-hidden="true"');
  return html`<svg class="icon is-${status}" viewBox="0 0 16 16" width="16" height="16" ${meaning}>
${raw(SHAPES[status])}</svg>`;
}

/** Deeper values are not indented: they would take many times their size, and ten thousand levels cannot be indented at all. */
export const MAX_JSON_LEVELS = 50;

/** Whether a value is nested too deep to be indented. Without recursion: values from outside may have any depth. */
export function isDeep(value: Json): boolean {
  let level: readonly Json[] = [value];
  for (let depth = 0; depth <= MAX_JSON_LEVELS && level.length > 0; depth++) {
    level = level.flatMap((each) => (typeof each === "object" && each !== null ? Object.values(each) : []));
  }
  return level.length > 0;
}
