import { html } from "hono/html";
import { visible } from "../model/visible.ts";
import { clipped } from "./room.ts";
import { plural } from "./shown.ts";

/** Frames in the workflow's folder have a relative path. Other frames have an absolute path, are Node's, or have no file. */
const IS_FOREIGN = /^\s*at (?:.*\(|async )?(?:\/|[A-Za-z]:\\|node:|file:|<anonymous>|native\b)/;

/** Half of it for the frames of the workflow, half for all frames. */
const MAX_BYTES = 3000;

/** Where an attempt failed: the error and the frames of the workflow. The other frames are folded. */
export function stackView(attempt: number, stack: string) {
  const { lines, inWorkflow, others } = framesOf(stack);
  const block = (label: string, text: readonly string[]) =>
    html`<pre class="stack" tabindex="0" role="group" aria-label="${label} of attempt ${attempt}"
><code>${clipped(visible(text.join("\n")), MAX_BYTES / 2)}</code></pre>`;
  if (others === 0) return block("Stack", lines);
  return html`${block("Stack", inWorkflow)}<details class="frames" id="frames-${attempt}">
<summary>${others} more ${plural(others, "frame", "frames")}, of gh-runner and libraries</summary>${block("Whole stack", lines)}</details>`;
}

/** A stack in a log, without the frames of gh-runner and libraries. The plain text has them. */
export function stackInLog(stack: string): string {
  const { inWorkflow, others } = framesOf(stack);
  return others === 0 ? stack : [...inWorkflow, `    … ${others} more ${plural(others, "frame", "frames")}`].join("\n");
}

/** Separates the frames of the workflow. A stack without any such frame is kept whole. */
function framesOf(stack: string) {
  const lines = stack.split("\n");
  const isFrame = (line: string) => /^\s+at /.test(line);
  const inWorkflow = lines.filter((line) => !isFrame(line) || !IS_FOREIGN.test(line));
  return inWorkflow.some(isFrame)
    ? { lines, inWorkflow, others: lines.length - inWorkflow.length }
    : { lines, inWorkflow: lines, others: 0 };
}
