import type { Context } from "hono";
import { getCookie } from "hono/cookie";

/** Set by the page's script (script/times.js). */
const COOKIE = "gh-runner-zone";

/** The longest names of zones have 32 characters. */
const MAX_ZONE_CHARACTERS = 64;

/** The reader's time zone. UTC if the browser runs no script or has not sent its zone. */
export function zoneOf(c: Context): string {
  const zone = getCookie(c, COOKIE) ?? "";
  return zone.length <= MAX_ZONE_CHARACTERS && isZone(zone) ? zone : "UTC";
}

function isZone(zone: string): boolean {
  // An offset such as +01:00 would be valid too, but no browser uses it as a name.
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    return Intl.DateTimeFormat(undefined, { timeZone: zone }) !== undefined;
  } catch {
    return false;
  }
}
