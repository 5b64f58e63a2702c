import type { RunOnce } from "../run-once.ts";
import { printable } from "./table.ts";

type HeldBack = RunOnce["heldBack"][number];

/** What a dry run has held back, in the form of HTTP, with the whole URL in the first line. */
export function asMessage({ method, url, headers, body }: HeldBack): string {
  const lines = Object.entries(headers).map(([name, value]) => printable(`${name}: ${value}`));
  return [`${method} ${url}`, ...lines, "", ...(body === null ? [] : [harmless(body), ""])].join("\n");
}

/** The same JSON, with what would steer the terminal escaped. */
function harmless(json: string): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return json.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, (each) => each.split("").map(escaped).join(""));
}
