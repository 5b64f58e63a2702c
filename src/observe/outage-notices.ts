import type { Outage } from "../model/outage.ts";
import type { Late } from "../model/overview.ts";

/** The address of GitHub, and what the service does during its outages. */
export type OutageFacts = {
  /** Host of GitHub's API. */
  readonly host: string;
  readonly retryHours: number;
  /** Address of the pages; undefined without PUBLIC_URL. */
  readonly publicUrl: string | undefined;
};

/** The notice for the beginning of an outage. */
export function outageNotice({ since, fault }: Outage, { host, retryHours, publicUrl }: OutageFacts) {
  const status = statusPageOf(host);
  const look = status === undefined ? `Check ${host}, and the network in between.` : `See ${status}.`;
  return {
    text:
      `GitHub has failed most requests since ${minuteOf(since)} UTC (${fault}). gh-runner still accepts events. Their runs wait. ` +
      `gh-runner retries them for ${retryHours} h, and they continue when GitHub works. You get no notice per run. ${look}`,
    event: "outage",
    host,
    since: new Date(since).toISOString(),
    fault,
    ...(publicUrl !== undefined && { url: publicUrl }),
  } as const;
}

/** The notice for its end, sent when the late runs have ended. */
export function outageOverNotice(
  { since, until }: Outage & { readonly until: number },
  late: Late,
  { host, publicUrl }: OutageFacts,
) {
  const { runs, atMostMs, replaced, failed, failedRuns, open } = late;
  const named = failedRuns.join(", ");
  const url = publicUrl === undefined ? undefined : `${publicUrl}/${failed > 0 ? "?status=failure" : ""}`;
  const said = [
    `GitHub works again. It failed most requests from ${minuteOf(since)} to ${minuteOf(until, since)} UTC (${lengthOf(until - since)}).`,
    runs === 0 ? "No run was late." : `${counted(runs, "run was", "runs were")} late, by up to ${lengthOf(atMostMs)}.`,
    failed > 0
      ? `${counted(failed, "run", "runs")} failed permanently: ${named}${failed > failedRuns.length ? ", …" : ""}. Re-run those that you still need. If one came with a token, send its event again.`
      : "",
    replaced > 0 ? `${counted(replaced, "run was", "runs were")} replaced by newer events or cancelled.` : "",
    open > 0 ? `${counted(open, "run still waits", "runs still wait")}.` : "",
    url ?? "",
  ];
  return {
    text: said.filter(Boolean).join(" "),
    event: "outage over",
    host,
    since: new Date(since).toISOString(),
    until: new Date(until).toISOString(),
    late: runs,
    lateAtMostSeconds: Math.round(atMostMs / 1000),
    replaced,
    failed,
    failedRuns,
    waiting: open,
    ...(url !== undefined && { url }),
  } as const;
}

function statusPageOf(host: string): string | undefined {
  return host === "api.github.com" ? "https://www.githubstatus.com" : undefined;
}

const counted = (number: number, one: string, more: string) => `${number} ${number === 1 ? one : more}`;

/** In UTC. Without the day if it is the day of `earlier`. */
export function minuteOf(at: number, earlier?: number): string {
  const [, day = "", minute = ""] = /^(.+)T(\d\d:\d\d)/.exec(new Date(at).toISOString()) ?? [];
  const isSameDay = earlier !== undefined && new Date(earlier).toISOString().startsWith(day);
  return isSameDay ? minute : `${day} ${minute}`;
}

const MINUTE_MS = 60_000;

/** `31 min`, `2 h 5 min`; seconds below two minutes. */
export function lengthOf(milliseconds: number): string {
  if (milliseconds < 2 * MINUTE_MS) return `${Math.round(milliseconds / 1000)} s`;
  const minutes = Math.round(milliseconds / MINUTE_MS);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)} h${rest > 0 ? ` ${rest} min` : ""}`;
}
