import type { ActionsRuns, WhyNothing } from "../../model/actions-runs.ts";
import { isFailure } from "../../model/failure.ts";
import type { StartedRun } from "../../model/github.ts";
import type { Ask } from "../ask.ts";
import type { OpenIncidents } from "../github-status.ts";
import { type RepositoryFacts, repositoryFacts } from "../repository-facts.ts";
import { countRuns } from "./lists.ts";
import { listensTo, showKey, showsKey, type WorkflowFile, workflowFiles, workflowStates } from "./workflow-files.ts";

type What = Parameters<ActionsRuns["whyNothing"]>[1];

/** Why nothing has started, as far as GitHub shows it. Leaves out what the token cannot read. */
export async function whyNothing(
  ask: Ask,
  incidents: OpenIncidents | undefined,
  started: StartedRun,
  what: What,
): Promise<WhyNothing> {
  const { repository, event } = started;
  const permission = event === "repository_dispatch" ? "Contents: write" : "Contents: read";
  const [facts, files, states] = await Promise.all([
    known(repositoryFacts(ask, repository, permission)),
    known(workflowFiles(ask, repository, permission)),
    known(workflowStates(ask, repository)),
  ]);
  const about = files && triggered(files, what);
  return (
    (facts && whenArchived(facts)) ??
    (states?.size === 0 && about && about.length > 0 ? actionsOff(repository) : undefined) ??
    (about && whenNothingListens(about, files, what, facts, repository)) ??
    (about && states && whenDisabled(about, states, repository)) ??
    (await whenTooMany(ask, started)) ??
    (await whenIncident(incidents)) ??
    (await unknown(ask, about, started))
  );
}

/** Undefined if the token cannot read it or GitHub does not answer. */
async function known<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (!isFailure(error) || error.kind === "limit") throw error;
    return undefined;
  }
}

/** The workflows that should have started. */
function triggered(files: readonly WorkflowFile[], { eventType, workflow }: What): readonly WorkflowFile[] {
  if (eventType !== undefined) return files.filter((file) => listensTo(file, eventType));
  return files.filter(({ path, inputs }) => inputs !== undefined && path.split("/").at(-1) === workflow);
}

function whenArchived({ archived, fullName }: RepositoryFacts): WhyNothing | undefined {
  if (!archived) return undefined;
  const remedy = "Unarchive it, or send the event to another repository.";
  return { happened: `${fullName} is archived, and an archived repository runs nothing`, remedy, sendAgain: false };
}

function actionsOff(repository: string): WhyNothing {
  const remedy = "Enable Actions in the repository's settings, under Actions.";
  return { happened: `GitHub Actions is disabled in ${repository}`, remedy, sendAgain: false };
}

function whenNothingListens(
  about: readonly WorkflowFile[],
  files: readonly WorkflowFile[],
  { eventType, workflow }: What,
  facts: RepositoryFacts | undefined,
  repository: string,
): WhyNothing | undefined {
  // A workflow may be named by its id. GitHub has started it by name, so it exists: perhaps no file is visible.
  const isSeen = eventType !== undefined || (files.length > 0 && !/^\d+$/.test(workflow ?? ""));
  if (about.length > 0 || !isSeen) return undefined;
  const where = `${facts?.defaultBranch ?? "the default branch"} of ${repository}`;
  if (eventType === undefined) {
    const happened = `${where} has no workflow ${workflow} that workflow_dispatch can start`;
    return { happened, remedy: "Add it there, with on: workflow_dispatch.", sendAgain: false };
  }
  const broken = files.filter(({ types }) => types === "unreadable").map(({ path }) => `; ${path} is not valid YAML`);
  return {
    happened: `no workflow on ${where} listens to ${eventType}${broken.join("")}`,
    remedy: `Add to a workflow there: on: { repository_dispatch: { types: [${eventType}] } }.`,
    sendAgain: false,
  };
}

function whenDisabled(
  about: readonly WorkflowFile[],
  states: ReadonlyMap<string, string>,
  repository: string,
): WhyNothing | undefined {
  const [first] = about;
  const stateOf = ({ path }: WorkflowFile) => states.get(path) ?? "active";
  if (!first || about.some((file) => stateOf(file) === "active")) return undefined;
  const state = stateOf(first);
  return {
    happened: `${first.path} is disabled${BECAUSE[state] ?? ` (${state})`}`,
    remedy: `Enable it: gh workflow enable ${first.path.split("/").at(-1)} -R ${repository}`,
    sendAgain: false,
  };
}

const BECAUSE: Readonly<Record<string, string>> = {
  disabled_manually: ", by a person",
  disabled_inactivity: ", because the repository had no activity for 60 days",
  disabled_fork: ", because the repository is a fork",
};

/** @see https://docs.github.com/en/actions/reference/limits */
const MOST_RUNS = 500;
const SPAN_MS = 10_000;

async function whenTooMany(ask: Ask, { repository, since }: StartedRun): Promise<WhyNothing | undefined> {
  const sent = Date.parse(since);
  const count = await known(countRuns(ask, repository, { from: sent - SPAN_MS, to: sent + SPAN_MS }));
  if (count === undefined || count < MOST_RUNS) return undefined;
  return {
    happened: `${count} runs began within 20 s of it in ${repository}, and GitHub starts at most 500 in 10 s`,
    remedy: "Start fewer workflows at the same time.",
    sendAgain: true,
  };
}

async function whenIncident(incidents: OpenIncidents | undefined): Promise<WhyNothing | undefined> {
  const [first] = (await incidents?.()) ?? [];
  if (first === undefined) return undefined;
  return {
    happened: `GitHub has an incident: ${first}`,
    remedy:
      "See https://www.githubstatus.com. The tests may still start. If they do not, re-run when the incident is over.",
    sendAgain: false,
  };
}

/** How long after an event its run may have begun without being seen, ms. */
const UNSEEN_MS = 120_000;

/** If run names show no key, a run of that time may be the right one. Then nothing is sent again. */
async function unknown(
  ask: Ask,
  about: readonly WorkflowFile[] | undefined,
  { repository, event, since }: StartedRun,
): Promise<WhyNothing> {
  const isHidden = about !== undefined && about.length > 0 && !about.some((file) => showsKey(file, event));
  const listening = about?.map(({ path }) => path).join(", ");
  if (!isHidden) {
    return {
      happened: `no run has started${listening ? `, although ${listening} listens` : ""}, and GitHub shows no reason`,
      remedy: "See the Actions page of the repository, and https://www.githubstatus.com.",
      sendAgain: true,
    };
  }
  const span = { from: Date.parse(since) - SPAN_MS, to: Date.parse(since) + UNSEEN_MS };
  const count = await known(countRuns(ask, repository, { event, ...span }));
  return {
    happened: `no run was found, although ${listening} listens; its run names do not show which event started them`,
    remedy: showKey(event),
    sendAgain: count === 0,
  };
}
