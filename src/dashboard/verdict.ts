import { html } from "hono/html";
import type { RunDetail } from "../model/history.ts";
import type { ListedRun, Run, Step } from "../model/run.ts";
import { ALL_WORKFLOWS, type Paused, pauseOf } from "../model/run-actions.ts";
import { changesText, type SinceSuccess } from "../model/since-success.ts";
import { visible } from "../model/visible.ts";
import { clipped, fitting } from "./room.ts";
import { headedReason, name, statusName, time } from "./shown.ts";

/** A reason has up to 4,000 characters. The log has the rest. */
const MAX_REASON_BYTES = 5000;

type VerdictFacts = {
  readonly paused: readonly Paused[];
  readonly since: SinceSuccess | undefined;
  /** The newest run of its group, if that is another run and replaces this one. */
  readonly newer: ListedRun | undefined;
  readonly now: number;
};

/** What happened, and what to do about it. Empty for a success. */
export function verdict(
  { run, steps, actions, wakeKeys = [] }: RunDetail,
  { paused, since, newer, now }: VerdictFacts,
) {
  const text = clipped(run.reason ?? "", MAX_REASON_BYTES);
  const reason = (waits = false) =>
    text === "" ? "" : html`<p class="reason">${headedReason(text, { waits, now })}</p>`;
  const cancel = actions.findLast(({ action }) => action === "cancelled");
  const by = cancel && html`${name(cancel.actor)} cancelled it ${time(cancel.at, "full", now)}.`;
  switch (run.status) {
    case "failure":
      return box(
        "failure",
        "Why it failed",
        html`${reason()}<p class="next">${newer ? newerText(newer, now) : remedyOf(run)}</p>${sinceText(run, since, now)}`,
      );
    case "skipped":
      return box("skipped", "Why it was skipped", reason());
    case "cancelled":
      return box("skipped", "Why it ended", html`${by ? html`<p>${by}</p>` : reason()}${newerRun(run)}`);
    case "superseded": {
      const replaced = html`<p>A newer event of the same concurrency group replaced it. You do not need to do anything.</p>`;
      return box("skipped", "Why it did not run", html`${replaced}${newerRun(run)}${reason()}`);
    }
    case "waiting":
      return box(
        "waiting",
        "What it waits for",
        html`${waits(run, steps, now)}${events(wakeKeys)}${pauseNote(run, paused, now)}`,
      );
    case "queued":
      return queued(
        run,
        html`${reason(true)}${run.kind === "transient" ? sinceText(run, since, now) : ""}`,
        pauseNote(run, paused, now),
        now,
      );
    default:
      if (run.status !== "running" || run.cancelledBy === undefined) return "";
      return box("waiting", "It is being cancelled", html`<p>${by ?? ""} Its attempt ends as soon as possible.</p>`);
  }
}

/** The last success, and what changed since then. */
function sinceText({ id, group }: Run, since: SinceSuccess | undefined, now: number) {
  const what = group === undefined ? "this workflow" : "this group";
  if (since === undefined) return html`<p class="since">No earlier success of ${what} is known.</p>`;
  const when = time(since.at, "full", now);
  const link =
    since.run === id ? html`an earlier attempt of this run, ${when}` : html`<a href="/runs/${since.run}">${when}</a>`;
  return html`<p class="since"><strong>Last success:</strong> ${link}. ${visible(changesText(since))}</p>`;
}

function newerRun({ supersededBy }: Run) {
  return supersededBy ? html`<p><a href="/runs/${supersededBy}">Show the newer run</a></p>` : "";
}

function queued(run: Run, reason: unknown, pause: unknown, now: number) {
  if (pause !== "") return box("waiting", "Why it waits: the workflow is paused", html`${pause}${reason}`);
  if (run.reason === undefined) return "";
  const when = run.dueAt === undefined || run.dueAt <= now ? "now" : html`at ${time(run.dueAt, "clock", now)}`;
  const [title, next] =
    run.kind === "limit" ? ["Why it waits: a GitHub rate limit", "It continues"] : ["Why it waits", "Next retry"];
  return box("waiting", title, html`${reason}<p class="next">${next} ${when}.</p>`);
}

const MAX_WAITS_BYTES = 4000;

/** Each open wait: since when, what ends it, and until when at most. */
function waits(run: Run, steps: readonly Step[], now: number) {
  const open = steps.filter(({ kind, endedAt }) => kind !== "step" && endedAt === undefined);
  if (open.length === 0) return html`<p class="reason">${run.reason ?? ""}</p>`;
  const { shown, left } = fitting(
    open,
    MAX_WAITS_BYTES,
    (step) => html`<li><strong>${name(step.name)}</strong>, since ${time(step.startedAt, "clock", now)}:
${endOf(step, run, now)}</li>`,
  );
  const more = left === 0 ? "" : html`<li>and ${left} more</li>`;
  return html`<ul class="plain">${shown}${more}</ul>`;
}

function endOf({ kind, until }: Step, { dueAt }: Run, now: number) {
  const end = until === undefined ? "" : time(until, "clock", now);
  if (kind === "sleep") return html`it sleeps until ${end}.`;
  const last = until === undefined ? "." : html`, until ${end}.`;
  if (kind === "callback") return html`it waits for an answer to its URL${last}`;
  const next =
    dueAt === undefined || dueAt === until ? "" : html` It is checked again at ${time(dueAt, "clock", now)}.`;
  return html`it waits for a check to succeed${last}${next}`;
}

const MAX_SUBJECTS = 10;

/** The events that wake the run earlier. */
function events(wakeKeys: readonly string[]) {
  // The reason of a run already mentions a missing workflow that it waits for.
  const subjects = wakeKeys.filter((key) => !key.startsWith("workflow ")).map(subjectIn);
  if (subjects.length === 0) return "";
  const [shown, left] = [subjects.slice(0, MAX_SUBJECTS), subjects.length - MAX_SUBJECTS];
  const more = left > 0 ? ` and ${left} more` : "";
  return html`<p class="note">It also checks when GitHub sends an event about ${shown.join(", ")}${more}.</p>`;
}

/** The subject of a wake key, such as `pull_request acme/shop 7`. */
function subjectIn(wakeKey: string): string {
  const [what = "", repository = "", which = ""] = wakeKey.split(" ");
  if (which === "*") return `any workflow run of ${repository}`;
  if (what === "check") return `commit ${which.slice(0, 7)} of ${repository}`;
  return `${what.replace("_", " ")} ${which} of ${repository}`;
}

/** Shows that its workflow is paused, by whom and since when. Empty if it is not. */
function pauseNote({ workflow }: Run, paused: readonly Paused[], now: number) {
  const found = pauseOf(workflow, paused);
  if (!found) return "";
  const [what, are] = found.workflow === ALL_WORKFLOWS ? ["all workflows", "they are"] : [name(workflow), "it is"];
  return html`<p>${name(found.actor)} paused ${what}
${time(found.at, "full", now)}. It continues when ${are} <a href="/workflows">resumed</a>.</p>`;
}

function box(kind: string, title: string, text: unknown) {
  return html`<section class="verdict ${kind}" aria-labelledby="why"><h2 id="why">${title}</h2>${text}</section>`;
}

/** Points to the newer run: a re-run would be rejected or use an older commit. */
function newerText(newer: ListedRun, now: number) {
  const link = html`<a href="/runs/${newer.id}">newer run</a>`;
  const at = time(newer.endedAt ?? newer.acceptedAt, "clock", now);
  if (newer.status === "success")
    return html`A ${link} of its group succeeded at ${at}. You do not need to do anything.`;
  return html`Look at the ${link} of its group first: ${statusName(newer.status).toLowerCase()}, ${at}.`;
}

function remedyOf({ kind, ownToken }: Run): string {
  if (ownToken) {
    return "The event brought a token. Tokens are not stored, so you cannot re-run it. Send the event again.";
  }
  if (kind === "permanent") return "It is not retried. Fix this, then re-run.";
  return "It is no longer retried. Fix the cause, then re-run.";
}
