import { html } from "hono/html";
import { isOpen, type ListedRun } from "../model/run.ts";
import { type Paused, pauseOf } from "../model/run-actions.ts";
import { commitLink, type GitHubWeb } from "./github-web.ts";
import { marked } from "./marked.ts";
import { cut, durationText, name, nameText, reasonText, statusIcon, subjectOf, time, tookMs } from "./shown.ts";

type RowFacts = {
  readonly web: GitHubWeb;
  readonly paused: readonly Paused[];
  readonly now: number;
  /** The words of the search. They are marked. */
  readonly words?: readonly string[];
  /** On the page of a workflow: its name, which the rows do not repeat. */
  readonly workflow?: string;
};

/** A list of runs, the same on every page. */
export function runList(runs: readonly ListedRun[], facts: RowFacts) {
  return html`<ul class="runs">${runs.map((run) => row(run, facts))}</ul>`;
}

function row(run: ListedRun, facts: RowFacts) {
  const { web, now, words, paused } = facts;
  const took = tookMs(run, now);
  const isDue = (run.status === "queued" || run.status === "waiting") && run.dueAt !== undefined;
  const isPaused = run.status === "queued" && pauseOf(run.workflow, paused) !== undefined;
  const next = isPaused ? "paused" : isDue ? html`next ${time(run.dueAt ?? 0, "clock", now)}` : "";
  const attempt = run.attempts > 1 ? html` <span class="attempt">attempt ${run.attempts}</span>` : "";
  return html`<li class="run" id="run-${run.id}" data-row>
${statusIcon(run.status, { alone: true })}
<div class="what"><a class="name" href="/runs/${run.id}">${name(subjectOf(run), words)}</a>
<p class="sub">${below(run, facts)}${attempt}</p>
${whyOf(run, facts)}</div>
<div class="commit">${commitLink(run, web) ?? ""}</div>
<div class="took">${took === undefined ? next : html`<span class="unseen">Took </span>${durationText(took)}`}</div>
<div class="age">${time(run.acceptedAt, "age", now)}</div>
</li>`;
}

/** The second line of a run: its workflow and group, if they are not in its name. */
function below({ id, workflow, group, title }: ListedRun, { workflow: page, words }: RowFacts) {
  const its = workflow === page ? [] : [name(workflow, words)];
  const parts = title
    ? [...its, ...(group ? [html`<bdi>${marked(nameText(group), words)}</bdi>`] : [])]
    : group
      ? its
      : [];
  if (parts.length === 0) return `run ${id.slice(0, 8)}`;
  return parts.map((part, at) => html`${at > 0 ? " · " : ""}${part}`);
}

/** Longer reasons are cut. The run's page shows all of it. A waiting run's reason ends with what it waits for, such as a time. */
const MAX_REASON_CHARACTERS = 230;
const MAX_WAITING_REASON_CHARACTERS = 350;

function whyOf(run: ListedRun, { now, words }: RowFacts) {
  if (run.status === "superseded") {
    const newer = run.supersededBy ? html`<a href="/runs/${run.supersededBy}">newer run</a>` : "newer event";
    return html`<p class="why">A ${newer} replaced it.</p>`;
  }
  if (run.reason === undefined || run.status === "success" || run.status === "running") return "";
  const waits = isOpen(run);
  return html`<p class="why">${reasonText(cut(run.reason, waits ? MAX_WAITING_REASON_CHARACTERS : MAX_REASON_CHARACTERS), { waits, now, words })}</p>`;
}
