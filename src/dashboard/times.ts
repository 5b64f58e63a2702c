import { html } from "hono/html";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** So near, a clock is shown with its seconds. The script does the same. */
const NEAR_MS = 2 * MINUTE;

type Shown = "age" | "clock" | "full";

/**
 * A time, in UTC; the page's script turns it into the reader's own.
 * @param milliseconds of the epoch.
 */
export function time(milliseconds: number, as: Shown, now: number) {
  const date = new Date(milliseconds);
  const iso = date.toISOString();
  const full = `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
  const sameDay = iso.slice(0, 10) === new Date(now).toISOString().slice(0, 10);
  const clock = `${sameDay ? "" : `${iso.slice(5, 10)} `}${iso.slice(11, Math.abs(milliseconds - now) < NEAR_MS ? 19 : 16)} UTC`;
  const text = as === "age" ? ageText(now - milliseconds) : as === "clock" ? clock : full;
  return html`<time datetime="${iso}" data-as="${as}" title="${full}">${text}</time>`;
}

function ageText(milliseconds: number): string {
  if (milliseconds < MINUTE) return "just now";
  if (milliseconds < HOUR) return `${Math.floor(milliseconds / MINUTE)} min ago`;
  if (milliseconds < DAY) return `${Math.floor(milliseconds / HOUR)} h ago`;
  const days = Math.floor(milliseconds / DAY);
  return days === 1 ? "yesterday" : `${days} days ago`;
}

export function durationText(milliseconds: number): string {
  if (milliseconds < SECOND) return `${Math.max(0, Math.round(milliseconds))} ms`;
  if (milliseconds < MINUTE) return `${(milliseconds / SECOND).toFixed(milliseconds < 10 * SECOND ? 1 : 0)} s`;
  if (milliseconds < HOUR) return parts(milliseconds, MINUTE, "min", SECOND, "s");
  if (milliseconds < DAY) return parts(milliseconds, HOUR, "h", MINUTE, "min");
  return parts(milliseconds, DAY, "d", HOUR, "h");
}

function parts(milliseconds: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((milliseconds % large) / small);
  return `${Math.floor(milliseconds / large)} ${largeUnit}${rest > 0 ? ` ${rest} ${smallUnit}` : ""}`;
}
