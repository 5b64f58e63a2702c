import type { GitHub, Json, RunContext, StartedRun } from "../index.ts";
import { isCommitHash, ownerAndName } from "../model/github-names.ts";
import { cancelLater } from "./cancel-tests.ts";
import { hashIn } from "./preview-github.ts";
import {
  contextOf,
  type FollowTests,
  groupOfPreview,
  PREVIEW_TESTS,
  type Preview,
  previewIn,
} from "./preview-input.ts";

/** What is sent to the target repository to start its tests. */
export type TestsEvent = {
  readonly repository: string;
  readonly eventType: string;
  /** `tests.yml` or `tests.yml@REF`: started instead of sending an event. */
  readonly targetWorkflow: string | undefined;
  readonly payload: { readonly [key: string]: Json };
};

type Sending = Pick<GitHub, "dispatch" | "runWorkflow" | "request">;

/** Sends it, without remembering the step. */
export async function send(github: Sending, event: TestsEvent): Promise<void> {
  const { repository, eventType, payload } = event;
  const start = await workflowOf(github, event);
  if (!start) return github.dispatch(repository, eventType, payload);
  const { workflow, ...options } = start;
  await github.runWorkflow(repository, workflow, options);
}

/**
 * Sends it once, and starts the run that follows the tests. Cancels the tests of an earlier commit of the application.
 * @returns the run that already follows the tests of this commit. Then nothing is sent.
 */
export async function startTests(
  context: RunContext,
  github: Sending,
  follow: FollowTests,
  {
    event,
    ...preview
  }: Pick<Preview, "workflow" | "application" | "commit" | "values"> & { readonly event: TestsEvent },
): Promise<string | undefined> {
  const { step, runs, runId, log } = context;
  const { workflow, application, commit } = preview;
  const { followedBy = PREVIEW_TESTS } = follow;
  const earlier = await step(
    "tests under way",
    async () => (await runs.open(followedBy, groupOfPreview(preview))) ?? null,
  );
  const obsolete = previewIn(earlier?.input);
  if (earlier && obsolete?.commit === commit) return earlier.id;

  const { repository, eventType: type, payload } = event;
  const { nothingAfter = "3m" } = follow;
  const once = { once: "dispatch", nothingAfter };
  const start = event.targetWorkflow && (await step("default branch", () => workflowOf(github, event)));
  const tests: StartedRun = start
    ? await github.runWorkflow(repository, start.workflow, { ref: start.ref, inputs: start.inputs, ...once })
    : await github.dispatch(repository, type, payload, once);

  const started: Preview = {
    ...preview,
    ...(isCommitHash(commit) && { sha: commit.toLowerCase() }),
    ...{ repository, tests, dispatchedBy: runId, followedBy },
    ...(start ? { start } : { event: { type, payload } }),
    follow: [...follow.reports],
    context: contextOf(workflow, application, follow.context),
    environmentUrl: follow.environmentUrl,
    timeout: follow.timeout ?? "6h",
    nothingAfter,
  };
  try {
    await runs.start(followedBy, started as Json, tests.key === undefined ? {} : { id: tests.key });
    if (obsolete) {
      await cancelLater(context, { preview: obsolete, why: "Superseded by a newer deployment.", word: "superseded" });
    }
  } catch (error) {
    // The event was sent, which is what its caller wants to know.
    if ((error as Error).name !== "PermanentFailure") throw error;
    log.error("the tests are not followed", { error });
  }
  return undefined;
}

/** The workflow to start, with its ref and inputs. Undefined if an event is sent instead. */
async function workflowOf(github: Pick<GitHub, "request">, { repository, targetWorkflow, payload }: TestsEvent) {
  if (targetWorkflow === undefined) return undefined;
  const [workflow = "", ref] = targetWorkflow.split("@");
  // An input of a workflow is text, a number, true or false.
  const inputs = Object.entries(payload).map(([name, value]) => [
    name,
    typeof value === "object" ? JSON.stringify(value) : value,
  ]);
  return { workflow, ref: ref ?? (await defaultBranch(github, repository)), inputs: Object.fromEntries(inputs) };
}

async function defaultBranch(github: Pick<GitHub, "request">, repository: string): Promise<string> {
  const { data } = await github.request("GET /repos/{owner}/{repo}", ownerAndName(repository));
  return data.default_branch;
}

/** Where a values file is read, for a permanent link to it. */
type Place = { readonly repository: string; readonly ref: string | undefined };

/** Reads at the commit of the ref, so that what was read can be shown later. */
export async function readAtCommit<Read>(
  { github, log }: Pick<RunContext, "log"> & { readonly github: Pick<GitHub, "request"> },
  { repository, ref }: Place,
  read: (at: string | undefined) => Promise<Read>,
): Promise<Read & { readonly at?: string }> {
  const at = await commitAt();
  return { ...(await read(at ?? ref)), ...(at !== undefined && { at }) };

  async function commitAt(): Promise<string | undefined> {
    if (ref !== undefined && isCommitHash(ref)) return ref;
    const parameters = { ...ownerAndName(repository), ref: ref ?? "HEAD" };
    const headers = { accept: "application/vnd.github.sha" };
    try {
      const route = "GET /repos/{owner}/{repo}/commits/{ref}";
      const { data } = await github.request(route, { ...parameters, headers }, { retry: false });
      return hashIn(data);
    } catch (error) {
      // The file is still read. If the ref is wrong, that read reports it.
      log.debug("the commit of the values file is not known", { error });
      return undefined;
    }
  }
}
