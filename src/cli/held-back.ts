import { oneLine, visible } from "../model/visible.ts";
import type { RunOnce } from "../service/run-once.ts";

type HeldBack = RunOnce["heldBack"][number];

/** What a dry run has held back, in the form of HTTP, with the whole URL in the first line. */
export function asMessage({ method, url, headers, body }: HeldBack): string {
  const lines = Object.entries(headers).map(([name, value]) => oneLine(`${name}: ${value}`));
  return [`${method} ${url}`, ...lines, "", ...(body === null ? [] : [visible(body), ""])].join("\n");
}
