import { html } from "hono/html";
import { visible } from "../model/visible.ts";
import type { BrokenFile } from "../model/workflow-file.ts";
import { cut, name, plural } from "./shown.ts";

/** The log has the whole problem. */
const MAX_PROBLEM_CHARACTERS = 500;

/** Problems of workflow files. */
export type FileProblems = {
  /** Files without a working workflow. */
  readonly broken: readonly BrokenFile[];
  /** Files whose previous version runs. */
  readonly outdated: readonly BrokenFile[];
};

/** For readers who may not see all workflows. */
export const NO_FILES: FileProblems = { broken: [], outdated: [] };

/** Lists the broken workflow files with all their problems. Empty if there are none. */
export function brokenBanner({ broken, outdated }: FileProblems) {
  return html`${banner(broken, "The other workflows run.")}${banner(outdated, outdated.length === 1 ? "Its previous version runs." : "Their previous versions run.")}`;
}

function banner(broken: readonly BrokenFile[], consequence: string) {
  if (broken.length === 0) return "";
  const files = broken.map(
    ({ file, problems }) => html`<li><strong>${name(file)}</strong>
<ul>${problems.map((each) => html`<li>${visible(cut(each, MAX_PROBLEM_CHARACTERS))}</li>`)}</ul></li>`,
  );
  const number = `${broken.length} ${plural(broken.length, "workflow file is", "workflow files are")} broken.`;
  return html`<section class="banner failure broken" aria-label="Broken workflow files">
<p><strong>${number}</strong> ${consequence}</p>
<ul>${files}</ul></section>`;
}
