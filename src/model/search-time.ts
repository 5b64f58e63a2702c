import { millisecondsOf } from "./duration.ts";

/** `until` includes a named day, but not a named time. */
export type Side = "since" | "until";

const DAY_MS = 86_400_000;

/** The message if a text is not a time. */
export const expectedTime =
  "expected a length of time such as 2h or 3d, a time such as 13:00, or a day such as 2026-11-29.";

/**
 * Parses a past time to epoch milliseconds: `2h` (ago), `13:00` (the last time it was that time), `2026-11-29`,
 * `2026-11-29T13:00` in the reader's zone, or with a zone as in RFC 3339.
 * @returns undefined if it is none of these, or not a valid day or time.
 */
export function pastTime(text: string, about: { now: number; zone: string; side: Side }): number | undefined {
  const { now, zone, side } = about;
  const ago = lengthOf(text);
  if (ago !== undefined) return now - ago;
  const clock = CLOCK.exec(text);
  if (clock) {
    const today = atTime(dayIn(zone, now), clock);
    const at = today === undefined ? undefined : fromWall(today, zone);
    if (at === undefined || at <= now) return at;
    return fromWall((today as number) - DAY_MS, zone);
  }
  const [, date = "", rest, offset] = DATE.exec(text) ?? [];
  const day = dayOf(date);
  if (day === undefined) return undefined;
  if (rest === undefined) return fromWall(side === "until" ? day + DAY_MS : day, zone);
  const wall = atTime(day, CLOCK.exec(rest));
  if (wall === undefined) return undefined;
  return offset === undefined ? fromWall(wall, zone) : wall - offsetOf(offset);
}

const CLOCK = /^(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d{1,9})?))?$/;
const DATE = /^(\d{4}-\d\d-\d\d)(?:[T ]([\d:.]+)(Z|[+-]\d\d:\d\d)?)?$/i;

function lengthOf(text: string): number | undefined {
  try {
    return millisecondsOf(text);
  } catch {
    return undefined;
  }
}

/** Wall-clock times are compared as if they were in UTC. */
function dayOf(date: string): number | undefined {
  const day = Date.parse(`${date}T00:00:00Z`);
  // 2026-02-30 would become a day in March.
  return !Number.isNaN(day) && new Date(day).toISOString().startsWith(date) ? day : undefined;
}

function atTime(day: number, clock: RegExpExecArray | null): number | undefined {
  if (!clock) return undefined;
  const [hours = 0, minutes = 0, seconds = 0] = clock.slice(1).map((part) => Number(part ?? 0));
  if (hours > 23 || minutes > 59 || seconds >= 60) return undefined;
  return day + (hours * 60 + minutes) * 60_000 + Math.floor(seconds * 1000);
}

function offsetOf(text: string): number {
  if (/^z$/i.test(text)) return 0;
  const [hours = 0, minutes = 0] = text.slice(1).split(":").map(Number);
  return (text.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

const dayIn = (zone: string, at: number) => Math.floor(wallOf(at, zone) / DAY_MS) * DAY_MS;

/** When a wall clock in the zone shows this time. For an hour that comes twice, the first one. */
function fromWall(wall: number, zone: string): number {
  // The offset at the end is known if it was the same before: there is at most one change in between.
  const guess = wall - (wallOf(wall - DAY_MS, zone) - (wall - DAY_MS));
  const at = wall - (wallOf(guess, zone) - guess);
  return wallOf(guess, zone) === wall ? guess : at;
}

/** For the zone that was used last; creating a format takes 50 µs. */
let known: { readonly zone: string; readonly format: Intl.DateTimeFormat } | undefined;

/** The time of a wall clock in the zone. */
function wallOf(at: number, zone: string): number {
  if (zone === "UTC") return at;
  if (known?.zone !== zone) {
    const digits = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" } as const;
    const options = { timeZone: zone, hourCycle: "h23", ...digits, second: "numeric" } as const;
    known = { zone, format: new Intl.DateTimeFormat("en-US", options) };
  }
  const part = Object.fromEntries(known.format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((at % 1000) + 1000) % 1000);
}
