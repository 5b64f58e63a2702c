import type { Claim } from "../model/claim.ts";
import { ownerAndName } from "../model/github-names.ts";
import type { RunReport } from "../model/report.ts";
import type { RunStore } from "../model/store.ts";
import { type Context, givenOf, type Workflow } from "../model/workflow.ts";
import type { ReadChangedFiles } from "./changed-files.ts";
import { type FetchParts, fetchOf } from "./fetch.ts";
import { type GitHubParts, gitHubOf } from "./github.ts";
import { notifyOf } from "./notify.ts";
import { type RunsParts, runsOf } from "./runs.ts";
import { requireReport } from "./shown.ts";
import { stepsOf } from "./steps.ts";
import { waitFor } from "./wait-for.ts";
import { type WaitParts, type Waits, waitsOf } from "./waits.ts";

export type ContextParts = Omit<WaitParts, "suspending"> &
  Omit<GitHubParts, "nameOf" | "repository"> &
  FetchParts &
  RunsParts & {
    readonly store: Pick<RunStore, "findSuccess">;
    /** The values of the environment variables that a workflow declares. */
    readonly envOf: (workflow: Workflow) => Readonly<Record<string, string>>;
    /** The repository of a run whose event names none: `owner/name`. */
    readonly targetRepo: string;
    readonly readChangedFiles: ReadChangedFiles;
    /** Collects the arguments of `report`. */
    readonly said: RunReport[];
    /** Gets the key by which earlier runs with the same work are found. */
    readonly isRepeatOf: (key: string) => void;
  };

/** The context for `run` in this attempt. After the attempt, its functions have no effect. */
export function contextOf(workflow: Workflow, claim: Claim, parts: ContextParts): Context {
  const { store, clock, keeping, runSecrets, attempting, names } = parts;
  const { run, attempt } = claim;
  const { calls } = attempting;
  const doStep = stepsOf(claim, parts);
  const nameOf = (given: string) => keeping.withoutTokens(given, runSecrets);
  const given = givenOf(workflow, run);
  const { repository = workflow.repository ?? parts.targetRepo } = given;
  let opened: Waits | undefined;
  const waits = () => (opened ??= waitsOf(claim, { ...parts, suspending: parts.suspending(), nameOf }));
  return {
    ...given,
    repository,
    repo: ownerAndName(repository),
    github: gitHubOf(workflow, claim, { ...parts, nameOf, repository }),
    runs: runsOf(claim, parts, nameOf),
    runId: run.id,
    attempt,
    by: run.actor,
    get isRerun() {
      names.knowsRerun();
      return (claim.firstAttempt ?? 1) > 1;
    },
    hasOwnToken: run.ownToken,
    get signal() {
      return attempting.signal;
    },
    env: parts.envOf(workflow),
    get log() {
      return parts.runLog.log;
    },
    step<Result>(given: string, work: () => Promise<Result> | Result): Promise<Result> {
      const name = nameOf(given);
      return calls.follow(`step ${keeping.brief(name, MAX_SHOWN)}`, doStep(name, work));
    },
    sleep: (...given) => waits().sleep(...given),
    waitUntil: (...given) => waits().waitUntil(...given),
    callback: (...given) => waits().callback(...given),
    waitFor: (url, options = {}) => waitFor(url, options, { ...parts, suspending: parts.suspending(), nameOf }),
    fetch: (...given) => fetchOf(parts)(...given),
    notify: (...given) => notifyOf(parts)(...given),
    report(report) {
      requireReport(report);
      parts.said.push(report);
    },
    changedFiles: () => calls.follow("changedFiles", changedFiles()),
    repeatOf: (key, seconds) => calls.follow("repeatOf", repeatOf(key, seconds)),
  };

  async function changedFiles(): Promise<readonly string[]> {
    return (await parts.readChangedFiles()).files;
  }

  async function repeatOf(key: string, seconds: number): Promise<string | undefined> {
    // With its token removed, the key could match other runs.
    if (keeping.withoutTokens(key, runSecrets) !== key) return undefined;
    parts.isRepeatOf(key);
    return store.findSuccess(run.workflow, key, clock.now() - seconds * 1000);
  }
}

/** Enough to recognise a call. */
const MAX_SHOWN = 100;
