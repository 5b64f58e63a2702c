import { isDeepStrictEqual } from "node:util";
import { type Duration, type FoundRun, type Json, type RunContext, skip } from "../index.ts";
import { pullOf, shaOf } from "./preview-github.ts";
import { groupOfPreview, type Obsolete, type Preview, previewIn, startedOf } from "./preview-input.ts";
import { linksOf, type PreviewTestsOptions, reporting, timeMayHelp } from "./report.ts";
import { broken, obsolete } from "./result.ts";

/** Lets another run cancel the tests. That run can wait for them, and continues after a restart. */
export async function cancelLater({ runs }: Pick<RunContext, "runs">, cancel: Obsolete): Promise<void> {
  const { followedBy, tests, commit } = cancel.preview;
  await runs.start(followedBy, { cancel } as Json, { name: `cancel ${tests.key ?? commit}` });
}

/**
 * A run that followed tests was cancelled, so its tests are cancelled too. If a newer run has replaced it, the
 * run that started the newer one cancels them.
 */
export async function giveUp(context: Pick<RunContext, "runs">, preview: Preview): Promise<void> {
  if (await newerThan(context, preview)) return;
  await cancelLater(context, { preview, why: "The run that followed the tests was cancelled.", word: "cancelled" });
}

/** Cancels obsolete tests. It cancels only the Actions run that this service has started. */
export async function cancelTests(
  context: RunContext,
  { preview, why, word, pull }: Obsolete,
  options: PreviewTestsOptions,
) {
  const { github, step, log } = context;
  const found = await trying(log, () =>
    github.findRun(startedOf(preview), { name: "Actions run", nothingAfter: preview.nothingAfter as Duration }),
  );
  // A run found by its time alone may have been started by someone else.
  const mine = found?.foundBy === "time" ? undefined : found;
  const asked = mine && (await trying(log, () => step("cancel", () => cancel(context, mine))));
  await report(context, { preview, why, word, pull }, mine, options);
  if (!mine || !asked) {
    if (found && !mine) return skip(`gh-runner found ${found.htmlUrl} by its time alone, so it does not cancel it`);
    return skip(mine ? `${mine.htmlUrl} could not be cancelled: see the log` : "there is no Actions run to cancel");
  }
  const { application, commit } = preview;
  const outputs = { application, commit, cancelled: mine.htmlUrl };
  try {
    const { conclusion } = await github.follow(mine, { name: "end", timeout: "1m" });
    return { ...outputs, conclusion };
  } catch (error) {
    if (timeMayHelp(error)) throw error;
    await step("force cancel", () => cancel(context, mine, true));
    return { ...outputs, forced: true };
  }
}

async function cancel({ github }: Pick<RunContext, "github">, { repository, runId }: FoundRun, force = false) {
  await github.cancelRun(repository, runId, { force });
  return true;
}

/** Turns a failure into a warning, for example a missing permission. */
async function trying<Result>(log: RunContext["log"], work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (timeMayHelp(error)) throw error;
    log.warn(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

/**
 * Ends what the obsolete commit shows. If newer tests are for the same commit, that commit shows those, even after they
 * have ended.
 */
async function report(
  context: RunContext,
  { preview, why, word, pull: known }: Obsolete,
  found: FoundRun | undefined,
  options: PreviewTestsOptions,
): Promise<void> {
  const { step } = context;
  const newer = await step("newer", async () => (await newerThan(context, preview)) ?? null);
  if (newer?.commit === preview.commit) return;
  const sha = preview.sha ?? (await step("commit", () => shaOf(context, preview)));
  if (newer && sha !== null) {
    // A commit has many names: a tag, and abbreviations of its hash.
    const other = newer.sha ?? (await step("newer commit", () => shaOf(context, newer)));
    if (other === sha) return;
  }
  // The comment belongs to the newer tests.
  const isMine = sha !== null && newer === null && preview.follow.includes("comment");
  const pull = isMine ? (known ?? (await step("pull request", () => pullOf(context, preview, sha)))) : null;
  const { report } = reporting(context, { preview, sha, pull, ...linksOf(context, options) });
  const url = found?.htmlUrl;
  await report(`result ${word}`, word === "cancelled" ? broken(why, word, url) : obsolete(why, word, url));
}

/** Newer tests of the same application, running or ended. */
async function newerThan({ runs }: Pick<RunContext, "runs">, preview: Preview): Promise<Preview | undefined> {
  const newest = await runs.newest(preview.followedBy, groupOfPreview(preview));
  const its = previewIn(newest?.input);
  return its && isDeepStrictEqual(its.tests, preview.tests) ? undefined : its;
}
