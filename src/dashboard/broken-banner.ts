import { html } from "hono/html";
import { visible } from "../model/visible.ts";
import type { BrokenFile } from "../model/workflow-file.ts";
import { cut, name, plural } from "./shown.ts";

/** All of it is in the log. */
const MAX_PROBLEM_CHARACTERS = 500;

/** What is wrong with the files of workflows. */
export type FileProblems = {
  /** They bring no workflow. */
  readonly broken: readonly BrokenFile[];
  /** Their previous version runs. */
  readonly outdated: readonly BrokenFile[];
};

/** What those see of them who may not know what all files bring. */
export const NO_FILES: FileProblems = { broken: [], outdated: [] };

/** Names the workflow files that are broken, with everything that is wrong with them. Nothing when none is. */
export function brokenBanner({ broken, outdated }: FileProblems) {
  return html`${banner(broken, "The other workflows run.")}${banner(outdated, outdated.length === 1 ? "Its previous version runs." : "Their previous versions run.")}`;
}

function banner(broken: readonly BrokenFile[], meanwhile: string) {
  if (broken.length === 0) return "";
  const files = broken.map(
    ({ file, problems }) => html`<li><strong>${name(file)}</strong>
<ul>${problems.map((each) => html`<li>${visible(cut(each, MAX_PROBLEM_CHARACTERS))}</li>`)}</ul></li>`,
  );
  const number = `${broken.length} ${plural(broken.length, "workflow file is", "workflow files are")} broken.`;
  return html`<section class="banner failure broken" aria-label="Broken workflow files">
<p><strong>${number}</strong> ${meanwhile}</p>
<ul>${files}</ul></section>`;
}
