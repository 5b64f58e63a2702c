import { html, raw } from "hono/html";
import { MAX_SEARCH_CHARACTERS, QUALIFIERS } from "../model/search.ts";
import { visible } from "../model/visible.ts";

/** What stands in the field of the top bar. */
export type Searched = {
  readonly text: string;
  /** What cannot be meant, a sentence each. */
  readonly problems: readonly string[];
};

/** The one search, in the top bar of every page: it leads to the list of runs. */
export function searchField({ text, problems }: Searched = { text: "", problems: [] }) {
  const wrong = problems.length > 0 ? raw(' aria-invalid="true" aria-describedby="search-problems"') : "";
  return html`<form class="find" role="search" action="/" aria-label="Runs">
<input type="search" id="search" name="text" value="${text}" aria-label="Search runs"${wrong} maxlength="${MAX_SEARCH_CHARACTERS}"
 placeholder="Search: pr-1234, #7, alice, status:failure" autocomplete="off" autocapitalize="off" spellcheck="false" enterkeyhint="search">
<button class="unseen" tabindex="-1">Search</button>
${help}
${problems.length > 0 ? html`<div class="problems" id="search-problems" role="alert">${problems.map((each) => html`<p>${visible(each)}</p>`)}</div>` : ""}
</form>`;
}

const help = html`<details class="info" id="search-help"><summary aria-label="What can be searched" title="What can be searched">?</summary>
<div class="hint"><p>All words must be found, each anywhere: in the application, the commit, the input, the event, outputs, reasons and log
lines. <code>"two words"</code> in quotes are one.</p>
<table><tbody>${QUALIFIERS.map(({ example, meaning }) => html`<tr><td><code>${example}</code></td><td>${meaning}</td></tr>`)}</tbody></table>
</div></details>`;
