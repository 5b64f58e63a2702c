import { html, raw } from "hono/html";
import { MAX_SEARCH_CHARACTERS, QUALIFIERS } from "../model/search.ts";
import { visible } from "../model/visible.ts";

/** The content of the search field. */
export type Searched = {
  readonly text: string;
  /** Problems of the text, one sentence each. */
  readonly problems: readonly string[];
};

/** The search field in the top bar of every page. It opens the list of runs. */
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

const help = html`<details class="info" id="search-help"><summary aria-label="How to search" title="How to search">?</summary>
<div class="hint"><p>A run matches if it has all words. A word may be anywhere: in the application, the commit, the input, the event, the
outputs, the reasons or the log lines. Put <code>"two words"</code> in quotes to find them together.</p>
<table><tbody>${QUALIFIERS.map(({ example, meaning }) => html`<tr><td><code>${example}</code></td><td>${meaning}</td></tr>`)}</tbody></table>
</div></details>`;
