import {
  type Duration,
  defineWorkflow,
  type FollowedRun,
  type FoundRun,
  hasPassed,
  PermanentFailure,
  type RunContext,
  skip,
} from "../index.ts";
import { cancelLater, cancelTests, giveUp } from "./cancel-tests.ts";
import { attemptOf, isClosed, pullOf, shaOf } from "./preview-github.ts";
import { groupOfPreview, PREVIEW_TESTS, type Preview, previewInputs, startedOf } from "./preview-input.ts";
import { linksOf, type PreviewTestsOptions, reporting, timeMayHelp } from "./report.ts";
import { broken, failedJobs, nameOf, type Result, result, running, STARTED } from "./result.ts";
import { shortCommit } from "./summary.ts";

/**
 * Follows the tests that `environmentReady` has started for a preview, and reports how they end. A newer commit of the
 * same application ends the run. A run can also cancel obsolete tests.
 */
export function previewTests(options: PreviewTestsOptions = {}) {
  return defineWorkflow({
    name: options.name ?? PREVIEW_TESTS,
    ...(options.githubToken === undefined ? {} : { githubToken: options.githubToken }),
    ...(options.githubApp === undefined ? {} : { githubApp: options.githubApp }),
    on: { call: { inputs: previewInputs } },
    concurrency: {
      group: ({ inputs }) => ("cancel" in inputs ? undefined : groupOfPreview(inputs)),
      cancelRunning: true,
    },
    labels({ inputs }) {
      const { application, commit } = "cancel" in inputs ? inputs.cancel.preview : inputs;
      return { application, commit };
    },
    run: async ({ inputs, ...context }) =>
      "cancel" in inputs ? cancelTests(context, inputs.cancel, options) : follow(context, inputs, options),
    async cancelled({ inputs, ...context }) {
      if (!("cancel" in inputs)) await giveUp(context, inputs);
    },
  });
}

async function follow(context: RunContext, preview: Preview, options: PreviewTestsOptions) {
  const { github, step, waitUntil, attempt } = context;
  const { application, commit, repository } = preview;
  const sha = preview.sha ?? (await step("commit", () => shaOf(context, preview)));
  const pull = sha === null ? null : await step("pull request", () => pullOf(context, preview, sha));
  const { report, notReported } = reporting(context, { preview, sha, pull, ...linksOf(context, options) });
  let found: FoundRun | undefined;
  let closed = false;

  async function tests() {
    found = await actionsRun(context, preview);
    // A person may have re-run it at GitHub. The re-run there has re-run this run.
    const nth = context.isRerun ? await attemptOf(context, found) : 1;
    if (closed) return never();
    await report(named("running", nth), running(found.htmlUrl));
    const timeout = preview.timeout as Duration;
    const first = await github.follow(found, { name: "tests", timeout });
    if (first.conclusion !== "cancelled" || found.foundBy !== "key") return first;
    // An event that was sent again may have started two runs. The target's workflow then cancels one of them.
    const left = await github.findRun(startedOf(preview), { name: "Actions run that is left" });
    if (left.runId === found.runId || closed) return first;
    found = left;
    await report(named("running, the other", nth), running(found.htmlUrl));
    return github.follow(found, { name: "tests that are left", timeout });
  }

  async function pullClosed() {
    // A person who has re-run the tests decides when to end them.
    if (pull?.state !== "open" || context.isRerun) return never();
    // On the first attempt the pull request was just read.
    const look = async () => (attempt === 1 ? undefined : isClosed(context, preview, pull));
    const wakeOn = { pullRequest: { repository, number: pull.number } };
    closed = await waitUntil("pull request closed", look, { every: "1d", timeout: "365d", wakeOn });
    return pull;
  }

  await report("pending", STARTED);
  const came = await Promise.race([tests(), pullClosed()]).catch(async (error: unknown) => {
    if (!timeMayHelp(error)) {
      const shown = stuck(error, found);
      await report(`result ${shown.word}`, shown);
    }
    // Throw the original error: a re-run from the failure then waits again for what has failed.
    throw error;
  });

  if ("number" in came) {
    const why = `Pull request #${came.number} was closed before the tests ended.`;
    await cancelLater(context, { preview, why, word: "closed", pull: came });
    return skip(why);
  }
  await report(named(`result ${came.conclusion}`, came.attempt), result(came));
  if (!hasPassed(came)) throw notPassed(preview, came, notReported());
  const missing = notReported().length > 0 && { notReported: notReported() };
  return { application, commit, conclusion: came.conclusion, actionsRun: came.htmlUrl, ...missing };
}

const never = () => new Promise<never>(() => {});

/** A different name for each attempt of the Actions run, so that each is reported. */
const named = (name: string, nth: number) => (nth === 1 ? name : `${name}, attempt ${nth}`);

/** The Actions run that was started. If there is none and a second event may help, the event is sent again. */
async function actionsRun({ github, log, step }: RunContext, preview: Preview): Promise<FoundRun> {
  const { repository, event, start } = preview;
  const nothingAfter = preview.nothingAfter as Duration;
  const started = startedOf(preview);
  try {
    return await github.findRun(started, { name: "Actions run", nothingAfter });
  } catch (error) {
    const { facts } = error as PermanentFailure;
    if (!facts?.sendAgain) throw error;
    await step("no Actions run", () => {
      log.warn("no Actions run appeared: gh-runner sends the event again", { why: facts.happened });
      return facts.happened;
    });
    const once = { once: "dispatch again", ...(started.key !== undefined && { key: started.key }) };
    const again = start
      ? await github.runWorkflow(repository, start.workflow, { ref: start.ref, inputs: start.inputs, ...once })
      : await github.dispatch(repository, event?.type ?? "", event?.payload ?? {}, once);
    return github.findRun(again, { name: "Actions run, sent again", nothingAfter });
  }
}

/** Why the tests cannot be followed to their end. */
function stuck(error: unknown, found: FoundRun | undefined): Result {
  const { facts, message } = error as PermanentFailure;
  if (facts?.about === "no run") return broken(`No tests started: ${facts.happened}.`, "no run", undefined);
  return broken(facts ? `${facts.tried} failed: ${facts.happened}.` : message, "error", found?.htmlUrl);
}

function notPassed({ application, commit }: Preview, ended: FollowedRun, notReported: readonly string[]): Error {
  const jobs = failedJobs(ended).slice(0, MAX_NAMED);
  const named = jobs.map((job) => `${nameOf(job)} (${job.htmlUrl})`).join(", ");
  const what =
    ended.conclusion === "failure" && named ? named : `${ended.conclusion.replaceAll("_", " ")} (${ended.htmlUrl})`;
  const missing = notReported.length === 0 ? "" : ` Not reported: ${notReported.join("; ")}`;
  return new PermanentFailure({
    tried: `the tests of ${application} at ${shortCommit(commit)}`,
    happened: what,
    remedy: `Fix the cause and push, or re-run the tests on GitHub. Without GitHub's webhook, also re-run this run from the failure.${missing}`,
  });
}

const MAX_NAMED = 5;
