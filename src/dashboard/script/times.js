// @ts-check

// Shows times in the zone that the reader chose, or in the zone of PAGE_TIME. The server writes UTC.

/** The server reads this cookie too: `since:13:00` is a time in this zone. */
const ZONE_COOKIE = "gh-runner-zone";
const UTC = "UTC";
const localZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const isLocalUtc = /^(Etc\/)?(UTC|GMT|Greenwich|Zulu|UCT)$/.test(localZone);

/** @type {Record<"near" | "clock" | "dated" | "full", Intl.DateTimeFormat>} */
const FORMATS = {
  near: new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  clock: new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }),
  dated: new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }),
  full: new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" }),
};

let inUtc = isLocalUtc || (zoneInCookie() ?? (document.body.dataset.time === "utc" ? UTC : localZone)) === UTC;

function zoneInCookie() {
  const [, zone] = new RegExp(`(?:^|; )${ZONE_COOKIE}=([^;]*)`).exec(document.cookie) ?? [];
  return zone && decodeURIComponent(zone);
}

/** Stores the zone, which changes when a reader travels. */
function keepZone() {
  const zone = inUtc ? UTC : localZone;
  if (zoneInCookie() === zone) return;
  const year = 365 * 86400;
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API needs TLS
  document.cookie = `${ZONE_COOKIE}=${encodeURIComponent(zone)}; path=${base.pathname}; max-age=${year}; samesite=lax`;
}

/**
 * @param {Date} date
 * @param {string | undefined} as
 * @returns undefined if the server's text stays, such as an age.
 */
function localText(date, as) {
  if (as === "full") return FORMATS.full.format(date);
  if (as === "second") return FORMATS.near.format(date);
  if (as !== "clock") return undefined;
  const now = new Date();
  const today = date.toDateString() === now.toDateString();
  const near = Math.abs(date.getTime() - now.getTime()) < 120000;
  return FORMATS[near ? "near" : today ? "clock" : "dated"].format(date);
}

/** @param {Document} root a new page of the server, or the current one */
function showTimes(root) {
  for (const element of root.querySelectorAll("time")) {
    const { utc = element.textContent ?? "", utcTitle = element.title, as } = element.dataset;
    const date = new Date(element.dateTime);
    element.textContent = (inUtc ? undefined : localText(date, as)) ?? utc;
    element.title = inUtc ? utcTitle : `${FORMATS.full.format(date)} (${utcTitle})`;
    element.dataset.utc = utc;
    element.dataset.utcTitle = utcTitle;
  }
  for (const title of root.querySelectorAll("title[data-from]")) {
    const utc = title.getAttribute("data-utc") ?? title.textContent ?? "";
    const from = FORMATS.clock.format(new Date(title.getAttribute("data-from") ?? ""));
    title.textContent = inUtc ? utc : from + title.getAttribute("data-words");
    title.setAttribute("data-utc", utc);
  }
  const zone = root.getElementById("zone");
  if (zone) zone.textContent = `Times are in ${inUtc ? UTC : localZone}.`;
}

const zoneSwitch = byId("zone-switch");

function showZoneSwitch() {
  if (!zoneSwitch || isLocalUtc) return;
  zoneSwitch.hidden = false;
  zoneSwitch.textContent = inUtc ? "Show local time" : "Show UTC";
}

zoneSwitch?.addEventListener("click", () => {
  inUtc = !inUtc;
  keepZone();
  showTimes(document);
  showZoneSwitch();
  announce(byId("zone")?.textContent ?? "");
});

if (!inUtc) keepZone();
showTimes(document);
showZoneSwitch();
