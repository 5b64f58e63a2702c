import { isCommitHash } from "../github-names.ts";
import { isOpen, type ListedRun } from "../run.ts";
import { ALL_WORKFLOWS, pauseOf } from "../run-actions.ts";
import type { Facts, Finding } from "./facts.ts";
import { isNamedIn, type Subject } from "./subject.ts";
import { ago, ahead, sentence, short, span } from "./words.ts";

type Dated = Finding & { readonly at: number };

/** The outcome of the newest run, or what it waits for. */
export function runFinding(run: ListedRun, facts: Facts, subject: Subject): Dated {
  const { id, endedAt, startedAt, acceptedAt } = run;
  const what = { what: "run", link: { href: `/runs/${id}`, text: "See the run" } } as const;
  const told = becameOf(run, facts, subject);
  return { ...what, at: endedAt ?? startedAt ?? acceptedAt, text: told.text, command: told.command };
}

type Told = { readonly text: string; readonly command?: string };

function becameOf(run: ListedRun, facts: Facts, subject: Subject): Told {
  const { id, status, acceptedAt, endedAt = acceptedAt, reason = "" } = run;
  const { now } = facts;
  const which = isOf(run, subject)
    ? `The newest run of ${short(nameOf(run))}`
    : `The newest matching run (${short(nameOf(run))})`;
  const why = sentence(short(reason));
  const when = ago(endedAt, now);
  switch (status) {
    case "success":
      return { text: `${which} succeeded ${when}${dispatched(run)}.` };
    case "failure":
      return { text: `${which} failed ${when}. ${why}`, command: `gh-runner runs rerun ${id.slice(0, 8)}` };
    case "skipped":
      return { text: `${which} was skipped ${when}: ${why}${hint(reason)}` };
    case "cancelled":
      return { text: `${which} was cancelled ${when}. ${why}`, command: `gh-runner runs rerun ${id.slice(0, 8)}` };
    case "superseded":
      return {
        text: `${which} did not run: a newer event of its group replaced it ${when}${run.supersededBy ? `, run ${run.supersededBy}` : ""}.`,
      };
    case "running":
      return { text: `${which} is running. It started ${ago(run.startedAt ?? acceptedAt, now)}.` };
    case "waiting":
      return {
        text: `${which} has been waiting for ${span(now - (run.startedAt ?? acceptedAt))}: ${why}${paused(run, facts)?.text ?? ""}`,
      };
    default:
      return waitsFor(run, facts, which);
  }
}

const nameOf = ({ title, group, workflow }: ListedRun) => title || group || workflow;

/**
 * Whether the run's name shows that it is about the subject. Otherwise the text appears elsewhere, such as in its log.
 */
function isOf(run: ListedRun, { application, workflow, run: id }: Subject): boolean {
  if (id !== undefined || (workflow !== undefined && run.workflow === workflow)) return true;
  return application !== undefined && isNamedIn([run.title, run.group], application);
}

/** A run that contains the name somewhere, such as in its log, when no run has that name. */
export function mentionFinding(run: ListedRun, { now }: Facts, name: string): Dated {
  const at = run.endedAt ?? run.startedAt ?? run.acceptedAt;
  const text = `No run is named ${short(name)}. The newest run that contains this text is ${short(nameOf(run))}: ${run.status}, ${ago(at, now)}.`;
  return { what: "run", text, at, link: { href: `/runs/${run.id}`, text: "See the run" } };
}

function dispatched({ outputs }: ListedRun): string {
  const hash =
    typeof outputs === "object" && outputs !== null && "commitHash" in outputs ? outputs.commitHash : undefined;
  return typeof hash === "string" && hash !== ""
    ? `, and dispatched the commit ${isCommitHash(hash) ? hash.slice(0, 7) : short(hash)}`
    : "";
}

/** What to change when a setting caused the skip. */
function hint(reason: string): string {
  if (reason.startsWith("application name doesn't start with"))
    return " APPLICATION_PREFIX sets which names are dispatched.";
  if (/ within \d+ s$/.test(reason)) return " A repeat within DEDUPE_SECONDS is not dispatched again.";
  return "";
}

/** What a queued run waits for. */
function waitsFor(run: ListedRun, facts: Facts, which: string): Told {
  const { workflow, kind, dueAt = 0, reason = "" } = run;
  const { now, outage, broken, workflows } = facts;
  const pause = paused(run, facts);
  if (pause) return { text: `${which} waits.${pause.text}`, command: pause.command };
  if (!workflows.some(({ name }) => name === workflow)) {
    const file = broken.find(({ file }) => file.includes(workflow))?.file;
    const why = file === undefined ? `there is no workflow ${short(workflow)} now` : `the file ${file} is broken`;
    return { text: `${which} waits: ${why}. It continues when the file is fixed.`, command: "gh-runner workflows" };
  }
  const next = `Next retry ${ahead(dueAt, now)}.`;
  if (kind === "limit")
    return { text: `${which} waits because a GitHub rate limit is reached. It continues ${ahead(dueAt, now)}.` };
  if (outage && outage.until === undefined && kind === "transient") {
    const since = span(now - outage.since);
    return {
      text: `${which} waits: GitHub has failed most requests for ${since}. It continues automatically. ${next}`,
    };
  }
  if (reason !== "" && kind === "transient")
    return { text: `${which} will be retried. ${sentence(short(reason))} ${next}` };
  if (dueAt > now) return { text: `${which} is queued for later. It starts ${ahead(dueAt, now)}.` };
  const group =
    run.group === undefined ? "a worker is free" : "the run before it in its group has ended and a worker is free";
  return { text: `${which} is queued. It starts when ${group}.` };
}

function paused({ workflow }: ListedRun, { paused: all, now }: Facts) {
  const pause = pauseOf(workflow, all);
  if (!pause) return undefined;
  const isAll = pause.workflow === ALL_WORKFLOWS;
  const what = isAll ? "All workflows are" : `The workflow ${short(workflow)} is`;
  const it = isAll ? "them" : "it";
  const quoted = /^[\w.-]+$/.test(workflow) ? workflow : undefined;
  return {
    text: ` ${what} paused (by ${short(pause.actor)}, ${ago(pause.at, now)}). The run continues when you resume ${it}.`,
    command: `gh-runner workflow resume ${isAll ? "--all" : (quoted ?? "WORKFLOW")}`,
  };
}

/** The result of the preview's tests, unless the run itself shows it, and whether the pull request is closed. */
export function previewFinding({ preview, runs, now }: Facts): Dated | undefined {
  if (preview === undefined || (runs[0] && isOpen(runs[0]))) return undefined;
  const { pullRequest, result, reason, receivedAt, commit, actionsRun } = preview;
  const closed = pullRequest?.state !== undefined && pullRequest.state !== "open";
  const parts = [
    ...(closed ? [`Its pull request #${pullRequest.number} is ${pullRequest.state}, which ends the preview.`] : []),
    ...(result === "dispatched"
      ? []
      : [
          `The tests of its newest commit${commit ? ` (${commit.sha === undefined ? short(commit.name) : commit.sha.slice(0, 7)})` : ""}: ${result.replaceAll("_", " ")}.`,
        ]),
    ...(reason === undefined ? [] : [sentence(short(reason))]),
  ];
  if (parts.length === 0) return undefined;
  const text = `${parts.join(" ")} The notification arrived ${ago(receivedAt, now)}.`;
  const link = actionsRun?.url === undefined ? undefined : { href: actionsRun.url, text: "See the Actions run" };
  return { what: "preview", at: receivedAt, text, link };
}
