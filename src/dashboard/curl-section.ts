import { html } from "hono/html";
import type { Run } from "../model/run.ts";
import type { Workflow } from "../model/workflow.ts";
import { copyBlock } from "./copy.ts";
import { type CurlPlace, eventCommand, rerunCommand } from "./curl.ts";

/** Commands to copy that send the event of a run again, or re-run it. */
export function curlSection(run: Run, workflow: Workflow | undefined, place: CurlPlace) {
  const commands = [eventCommand(run, workflow, place), rerunCommand(run, place)].filter((each) => each !== undefined);
  if (commands.length === 0) return "";
  return html`<details class="curl" id="curl"><summary>Copy as curl</summary>
${commands.map(({ title, text, note }, at) => {
  const about = note === "" ? "" : html`<p class="note">${note}</p>`;
  return html`<h3>${title}</h3>${about}${copyBlock(`curl-${at}`, title, text)}`;
})}</details>`;
}
