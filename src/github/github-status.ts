import type { Fetch } from "../model/network.ts";
import type { Brief } from "./answer.ts";
import { jsonOf } from "./answer.ts";

/**
 * The names of GitHub's open incidents that can keep runs from starting. Empty if there are none, or if it is not
 * known.
 */
export type OpenIncidents = () => Promise<readonly string[]>;

/** @see https://www.githubstatus.com/api */
const INCIDENTS = "https://www.githubstatus.com/api/v2/incidents/unresolved.json";

const TIMEOUT_MS = 5_000;

/** Usually 2 KB. */
const MAX_BYTES = 500_000;

const MAX_NAME = 200;

/** Incidents of other parts do not matter here. */
const PARTS = /^(?:Actions|API Requests|Webhooks)$/i;

/**
 * Asks GitHub's status page, which covers only github.com.
 * @param url by default the status page of github.com, for github.com.
 */
export function openIncidents(
  {
    apiUrl,
    url,
    brief,
    timeoutMs = TIMEOUT_MS,
  }: { apiUrl: string; url: string | undefined; brief: Brief; timeoutMs?: number },
  fetch: Fetch,
): OpenIncidents | undefined {
  const page = url ?? (new URL(apiUrl).host === "api.github.com" ? INCIDENTS : undefined);
  if (page === undefined) return undefined;
  return async () => {
    try {
      const answer = await fetch(page, { redirect: "manual", signal: AbortSignal.timeout(timeoutMs) });
      if (answer.status !== 200 || !answer.body) return [];
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of answer.body) {
        chunks.push(chunk);
        bytes += chunk.byteLength;
        if (bytes > MAX_BYTES) return [];
      }
      return namesIn(jsonOf({ bytes: Buffer.concat(chunks) }), brief);
    } catch {
      // The status page is only one clue of several.
      return [];
    }
  };
}

type Incident = { readonly name?: unknown; readonly components?: readonly { readonly name?: unknown }[] } | null;

function namesIn(page: object, brief: Brief): readonly string[] {
  const { incidents } = page as { incidents?: unknown };
  const all: readonly Incident[] = Array.isArray(incidents) ? incidents : [];
  return all.flatMap((incident) => {
    const parts = Array.isArray(incident?.components) ? incident.components : [];
    const isAbout = parts.some((part) => PARTS.test(String(part?.name)));
    return isAbout && typeof incident?.name === "string" ? [brief(incident.name, MAX_NAME)] : [];
  });
}
