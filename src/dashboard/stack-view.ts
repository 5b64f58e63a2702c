import { html } from "hono/html";
import { visible } from "../model/visible.ts";
import { clipped } from "./room.ts";
import { plural } from "./shown.ts";

/** Frames of the workflow's folder have a path in it; others are absolute, Node's, or of no file. */
const IS_FOREIGN = /^\s*at (?:.*\(|async )?(?:\/|[A-Za-z]:\\|node:|file:|<anonymous>|native\b)/;

/** Half each for the frames of the workflow and for all. */
const MAX_BYTES = 3000;

/** Where an attempt failed: the error and the frames of the workflow, and the others folded. */
export function stackView(attempt: number, stack: string) {
  const { lines, own, others } = framesOf(stack);
  const block = (label: string, text: readonly string[]) =>
    html`<pre class="stack" tabindex="0" role="group" aria-label="${label} of attempt ${attempt}"
><code>${clipped(visible(text.join("\n")), MAX_BYTES / 2)}</code></pre>`;
  if (others === 0) return block("Stack", lines);
  return html`${block("Stack", own)}<details class="frames" id="frames-${attempt}">
<summary>${others} more ${plural(others, "frame", "frames")}, of gh-runner and libraries</summary>${block("Whole stack", lines)}</details>`;
}

/** A stack within a log: without the frames of gh-runner and libraries, which the plain text has. */
export function stackInLog(stack: string): string {
  const { own, others } = framesOf(stack);
  return others === 0 ? stack : [...own, `    … ${others} more ${plural(others, "frame", "frames")}`].join("\n");
}

/** Those of the workflow apart; none is left out of a stack that has no frame of the workflow. */
function framesOf(stack: string) {
  const lines = stack.split("\n");
  const isFrame = (line: string) => /^\s+at /.test(line);
  const own = lines.filter((line) => !isFrame(line) || !IS_FOREIGN.test(line));
  return own.some(isFrame) ? { lines, own, others: lines.length - own.length } : { lines, own: lines, others: 0 };
}
