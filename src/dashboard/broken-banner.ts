import { html } from "hono/html";
import { visible } from "../model/visible.ts";
import type { BrokenFile } from "../model/workflow.ts";
import { cut, name, plural } from "./shown.ts";

/** All of it is in the log. */
const MAX_PROBLEM_CHARACTERS = 500;

/** Names the workflow files that are broken, with everything that is wrong with them. Nothing when none is. */
export function brokenBanner(broken: readonly BrokenFile[]) {
  if (broken.length === 0) return "";
  const files = broken.map(
    ({ file, problems }) => html`<li><strong>${name(file)}</strong>
<ul>${problems.map((each) => html`<li>${visible(cut(each, MAX_PROBLEM_CHARACTERS))}</li>`)}</ul></li>`,
  );
  const number = `${broken.length} ${plural(broken.length, "workflow file is", "workflow files are")} broken.`;
  return html`<section class="banner failure broken" aria-label="Broken workflow files">
<p><strong>${number}</strong> The other workflows run.</p>
<ul>${files}</ul></section>`;
}
