import { html } from "hono/html";
import type { Chain, ChainRun, PreviewResult } from "../model/chain.ts";
import type { Stage, TestsJob } from "../model/chain-facts.ts";
import { actionsRunLink, argocdLink, type GitHubWeb, namedCommitLink, valuesLink } from "./github-web.ts";
import { cut, durationText, linkedText, name, plural, statusIcon, statusName, time } from "./shown.ts";

/** The facts that a chain is shown with. */
export type ChainPlace = {
  readonly web: GitHubWeb;
  /** The address of ArgoCD's pages, without a slash at the end. */
  readonly argocdUrl: string | undefined;
  readonly now: number;
};

export const RESULT_NAMES: Readonly<Record<PreviewResult, string>> = {
  running: "Running",
  passed: "Passed",
  failed: "Failed",
  nothing_started: "Nothing started",
  cancelled: "Cancelled",
  dispatched: "Dispatched",
};

/** The run status whose icon fits the result. */
export function statusOfResult({ result, tests, environment }: Chain) {
  const { status } = tests ?? environment ?? { status: "queued" as const };
  if (result === "passed") return "success";
  if (result === "failed") return "failure";
  // GitHub accepted the event. That says nothing about the tests.
  return result === "dispatched" ? "superseded" : status;
}

/** The result as a word in its colour. */
export function resultPill({ result }: Pick<Chain, "result">) {
  return html`<small class="pill is-${PILLS[result]}">${RESULT_NAMES[result]}</small>`;
}

const PILLS: Readonly<Record<PreviewResult, string>> = {
  running: "running",
  passed: "success",
  failed: "failure",
  nothing_started: "failure",
  cancelled: "skipped",
  dispatched: "skipped",
};

const STAGE_NAMES: Readonly<Record<Stage["name"], string>> = {
  received: "Received",
  read: "Values read",
  dispatched: "Dispatched",
  created: "Created",
  started: "Started",
  ended: "Ended",
  reported: "Reported",
};

/** The known stages, each with its duration, and the current one. */
export function stageList({ stages, result, receivedAt }: Chain, now: number) {
  const last = stages.findLastIndex(({ at }) => at !== undefined);
  const known = stages.filter(({ at }) => at !== undefined);
  const latest = stages[last];
  const open = result === "running" ? UNDER_WAY[latest?.name ?? "received"] : undefined;
  return html`<ol class="stages" aria-label="Stages">${known.map(stageEntry(now))}${
    open === undefined
      ? ""
      : html`<li class="open"><span>${open}</span> <b>${durationText(now - (latest?.at ?? receivedAt))} so far</b></li>`
  }</ol>`;
}

/** What is happening after each stage. */
const UNDER_WAY: Readonly<Record<Stage["name"], string | undefined>> = {
  received: "Reading the values file",
  read: "Dispatching",
  dispatched: "Waiting for the Actions run",
  created: "Queued or running",
  started: "Running",
  ended: "Reporting",
  reported: undefined,
};

const stageEntry =
  (now: number) =>
  ({ name: stage, at = 0, ms }: Stage) =>
    html`<li><span>${STAGE_NAMES[stage]}</span> <b>${ms === undefined ? time(at, "clock", now) : durationText(ms)}</b></li>`;

const JOB_ICONS: Readonly<Record<string, Parameters<typeof statusIcon>[0]>> = {
  success: "success",
  failure: "failure",
  timed_out: "failure",
  startup_failure: "failure",
  cancelled: "cancelled",
  skipped: "skipped",
  neutral: "skipped",
};

/** Jobs of the Actions run: those that failed first. */
export function jobList({ jobs }: Pick<Chain, "jobs">, most: number) {
  if (jobs.length === 0) return "";
  const order = ({ conclusion = "" }: TestsJob) => (JOB_ICONS[conclusion] === "failure" ? 0 : 1);
  const shown = jobs.toSorted((one, other) => order(one) - order(other)).slice(0, most);
  const rest = jobs.length - shown.length;
  return html`<ul class="jobs" aria-label="Jobs">${shown.map(jobEntry)}${
    rest === 0 ? "" : html`<li class="note">and ${rest} more ${plural(rest, "job", "jobs")}</li>`
  }</ul>`;
}

function jobEntry({ name: job, conclusion = "", url, startedAt, endedAt }: TestsJob) {
  const took = startedAt === undefined || endedAt === undefined ? "" : durationText(Math.max(0, endedAt - startedAt));
  const word = conclusion.replaceAll("_", " ") || "not ended";
  const label = html`${name(job)}<span class="unseen">: ${cut(word, 30)}</span>`;
  return html`<li>${statusIcon(JOB_ICONS[conclusion] ?? "queued")}${
    url === undefined ? html`<span>${label}</span>` : html`<a href="${url}">${label}</a>`
  } ${took === "" ? "" : html`<span class="note">${took}</span>`}</li>`;
}

/** Longer reasons are cut. The run's page shows all of it. */
const MAX_REASON_CHARACTERS = 400;

/** The reason for the result, with links to the related runs. */
export function chainReason({ result, reason, supersededBy, repeatedBy }: Chain, now: number) {
  const newer = supersededBy === undefined ? "" : html` <a href="/runs/${supersededBy}">Show the newer run</a>`;
  const repeat =
    repeatedBy === undefined
      ? ""
      : html`<p class="why">Notified again <a href="/runs/${repeatedBy.id}">${time(repeatedBy.at, "age", now)}</a>:
this started nothing new.</p>`;
  if (reason === undefined) return repeat;
  const why = linkedText(cut(reason, MAX_REASON_CHARACTERS), now, { waits: result === "running" });
  return html`<p class="why">${why}${newer}</p>${repeat}`;
}

/** A value without a term needs no explanation. */
type Part = { readonly term: string | undefined; readonly value: unknown };

/**
 * The known parts of a chain, with links where their pages are known.
 * @param short for a row of a list: the values file without its folders, and no repeated name.
 */
export function chainParts(chain: Chain, { web, argocdUrl }: ChainPlace, { short = false } = {}): readonly Part[] {
  const { application, commit, pullRequest, values, actionsRun, environment } = chain;
  const repository = chain.repository ?? (environment && web.repositoryOf(environment.workflow));
  const part = (term: string | undefined, value: unknown) => (value === undefined ? [] : [{ term, value }]);
  return [
    ...part("Commit", commit && namedCommitLink(commit, repository, web)),
    ...part("Pull request", pullRequest && pullRequestLink(pullRequest)),
    ...part("Actions run", actionsRun && actionsRunLink(actionsRun)),
    ...part("Values file", values && valuesLink(values, web, short)),
    ...part(short ? undefined : "ArgoCD", argocdLink(application, argocdUrl, short ? "ArgoCD" : application)),
  ];
}

function pullRequestLink({ number, title, url }: NonNullable<Chain["pullRequest"]>) {
  const text = html`#${number}${title === undefined ? "" : html` ${name(title)}`}`;
  return url === undefined ? html`<span>${text}</span>` : html`<a href="${url}">${text}</a>`;
}

/** The page of a run shows this many jobs. */
const MAX_JOBS = 15;

/** The chain on the page of one of its two runs. */
export function chainSection(chain: Chain | undefined, id: string, place: ChainPlace) {
  if (chain === undefined) return "";
  const runLink = (term: string, run: ChainRun | undefined) =>
    run === undefined || run.id === id
      ? []
      : [{ term, value: html`<a href="/runs/${run.id}">${run.workflow}</a> ${statusName(run.status).toLowerCase()}` }];
  const parts = [
    { term: "Result", value: RESULT_NAMES[chain.result] },
    ...chainParts(chain, place),
    ...runLink("Dispatched by", chain.environment),
    ...runLink("Followed by", chain.tests),
  ];
  return html`<section class="chain" aria-labelledby="chain"><h2 id="chain">From the notification to the result</h2>
<dl class="facts">${parts.map(({ term, value }) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`)}</dl>
${stageList(chain, place.now)}
${jobList(chain, MAX_JOBS)}
<p class="note"><a href="/previews?application=${encodeURIComponent(chain.application)}">All previews of ${name(chain.application)}</a></p>
</section>`;
}
