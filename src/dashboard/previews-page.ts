import { html, raw } from "hono/html";
import { type Chain, PREVIEW_RESULTS, type PreviewPage, type PreviewResult } from "../model/chain.ts";
import {
  type ChainPlace,
  chainParts,
  chainReason,
  jobList,
  RESULT_NAMES,
  resultPill,
  stageList,
  statusOfResult,
} from "./chain-view.ts";
import { type Frame, layout } from "./layout.ts";
import { MAX_TEXT_CHARACTERS } from "./list-query.ts";
import { type PreviewPageQuery, previewsPath } from "./preview-query.ts";
import { limitNote } from "./reader.ts";
import { durationText, name, nameText, statusIcon, time } from "./shown.ts";

/** Previews on one page. */
export const PAGE_PREVIEWS = 25;

type PreviewFacts = ChainPlace & {
  readonly query: PreviewPageQuery;
  readonly page: PreviewPage;
  /** Whether the tests are followed (FOLLOW). */
  readonly follows: boolean;
  /** Applications are dispatched if their name begins with one of these. */
  readonly prefixes: readonly string[];
};

/** Each application with the newest commit of its environment, and the result of its tests. */
export function previewsPage(frame: Frame, facts: PreviewFacts) {
  const { query, page } = facts;
  const { previews } = page;
  const [newest] = previews;
  const said = newest
    ? `Newest preview: ${nameText(newest.application)}, ${RESULT_NAMES[newest.result]}`
    : "No previews";
  const one = query.application;
  return layout(
    one === undefined ? "Previews" : `Previews of ${nameText(one)}`,
    "previews",
    frame,
    html`${one === undefined ? "" : crumbs(one)}
<h1${one === undefined ? raw(' class="unseen"') : ""}>${one === undefined ? "Previews" : html`Previews of ${name(one)}`}</h1>
${facts.follows ? "" : NOT_FOLLOWED}
<section aria-label="List of previews">
${filters(query)}
<div id="previews" data-live data-said="${said}">
${newest ? html`<ul class="runs previews">${previews.map((chain) => row(chain, facts))}</ul>` : nothing(frame, facts)}
${paging(query, page)}
</div>
</section>`,
  );
}

const NOT_FOLLOWED = html`<p class="note lead">gh-runner does not follow the tests. Set <code>FOLLOW=status</code> to see here, and on the
commit, whether they started and passed.</p>`;

function crumbs(application: string) {
  return html`<nav class="crumbs" aria-label="Breadcrumb"><a href="/previews">Previews</a> <span aria-hidden="true">/</span>
<span aria-current="page">${name(application)}</span></nav>`;
}

const TAB_ICONS = {
  running: "running",
  passed: "success",
  failed: "failure",
  nothing_started: "skipped",
  cancelled: "cancelled",
  dispatched: "superseded",
} as const;

function filters({ application, text, result }: PreviewPageQuery) {
  const tab = (each: PreviewResult | undefined) => {
    const current = each === result ? raw(' aria-current="true"') : "";
    const label = each ? html`${statusIcon(TAB_ICONS[each])}${RESULT_NAMES[each]}` : "All";
    return html`<a href="${previewsPath({ application, text, result: each })}"${current}>${label}</a>`;
  };
  const tabs = html`<nav class="tabs" id="tabs" aria-label="Result">${[undefined, ...PREVIEW_RESULTS].map(tab)}</nav>`;
  if (application !== undefined) return tabs;
  return html`${tabs}
<form class="search" role="search" action="/previews" aria-label="Previews">
${result ? html`<input type="hidden" name="result" value="${result}">` : ""}
<label class="text"><span class="unseen">Application</span><input type="search" name="text" value="${text ?? ""}"
 maxlength="${MAX_TEXT_CHARACTERS}" placeholder="Application" autocomplete="off" spellcheck="false"></label>
<button>Filter</button>
</form>`;
}

/** A row shows up to this many jobs. The run's page shows more. */
const ROW_JOBS = 8;

function row(chain: Chain, facts: PreviewFacts) {
  const { application, receivedAt, environment, tests, repeatedBy } = chain;
  const run = tests ?? environment;
  const total = totalMs(chain);
  return html`<li class="run" data-row id="preview-${repeatedBy?.id ?? environment?.id ?? tests?.id}">
${statusIcon(statusOfResult(chain))}
<div class="what"><p><a class="name" href="/runs/${run?.id}">${name(application)}</a> ${resultPill(chain)}</p>
${chainReason(chain, facts.now)}
<ul class="parts sub">${chainParts(chain, facts, { short: true }).map(({ term, value }) => html`<li>${term === undefined ? "" : html`<span>${term}</span> `}${value}</li>`)}
${facts.query.application === undefined ? html`<li><a href="${previewsPath({ application })}">Earlier</a></li>` : ""}</ul>
${stageList(chain, facts.now)}
${jobList(chain, ROW_JOBS)}</div>
<div class="age">${time(receivedAt, "age", facts.now)}${total === undefined ? "" : html` <span class="total">took ${durationText(total)}</span>`}</div>
</li>`;
}

/** The time from the notification to the result. */
function totalMs({ stages, result, receivedAt }: Chain): number | undefined {
  if (result !== "passed" && result !== "failed") return undefined;
  const last = stages.findLast(({ at }) => at !== undefined)?.at;
  return last === undefined || last <= receivedAt ? undefined : last - receivedAt;
}

function nothing({ reader }: Frame, { query, page, prefixes }: PreviewFacts) {
  if (page.next !== undefined) {
    return html`<div class="empty"><p><strong>None of the newest previews matches.</strong>
Older previews have not been searched yet.</p></div>`;
  }
  const text = query.application ?? query.text;
  const begin = prefixes.filter((prefix) => prefix !== "");
  const others =
    begin.length === 0
      ? ""
      : html`<p>A preview is an application whose name begins with ${begin.map((prefix, at) => html`${at > 0 ? " or " : ""}<code>${prefix}</code>`)}.
Others are skipped. You find each notification <a href="/${text === undefined ? "" : `?text=${encodeURIComponent(text)}`}">among
the runs</a>${reader.may("read-all") ? html` or the <a href="/events">rejected requests</a>` : ""}.</p>`;
  if (text ?? query.result ?? query.before) {
    return html`<div class="empty"><p><strong>No preview matches.</strong></p>${limitNote(reader)}${others}
<p><a href="/previews">Show all previews</a></p></div>`;
  }
  return html`<div class="empty"><p><strong>No previews yet.</strong> The first notification about a deployed application starts the first preview.</p>${limitNote(reader)}${others}</div>`;
}

function paging(query: PreviewPageQuery, { next, previews }: PreviewPage) {
  if (query.before === undefined && next === undefined) return "";
  const older = query.result && previews.length < PAGE_PREVIEWS ? "Search older previews" : "Older";
  return html`<nav class="paging" aria-label="Pages of the list">
${query.before === undefined ? "" : html`<a href="${previewsPath({ ...query, before: undefined })}">Newest</a>`}
${next === undefined ? "" : html`<a href="${previewsPath({ ...query, before: next })}" rel="next">${older}</a>`}
</nav>`;
}
