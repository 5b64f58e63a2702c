import type { Context } from "hono";
import { getCookie } from "hono/cookie";

/** Set by the page's script (script/times.js). */
const COOKIE = "gh-runner-zone";

/** The longest names of zones have 32 characters. */
const MAX_ZONE_CHARACTERS = 64;

/** The zone in which the reader is shown times. A browser without a script is shown UTC, and so is one that has not said. */
export function zoneOf(c: Context): string {
  const zone = getCookie(c, COOKIE) ?? "";
  return zone.length <= MAX_ZONE_CHARACTERS && isZone(zone) ? zone : "UTC";
}

function isZone(zone: string): boolean {
  // An offset such as +01:00 would be one, too: no browser names its zone so.
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    return Intl.DateTimeFormat(undefined, { timeZone: zone }) !== undefined;
  } catch {
    return false;
  }
}
