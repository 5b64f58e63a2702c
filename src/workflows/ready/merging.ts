import type { Repo, RunContext } from "../../index.ts";
import { markerOf } from "../../model/comment-key.ts";
import { shortCommit } from "../summary.ts";

export type MergeMethod = "merge" | "squash" | "rebase";

/** What is merged: only the commit that was examined, and no later one. */
export type Merge = {
  readonly number: number;
  /** GraphQL's id of the pull request. */
  readonly nodeId: string;
  /** The full hash. */
  readonly head: string;
  readonly method: MergeMethod;
  /** False: this run merges. */
  readonly useAutoMerge: boolean;
};

export type Merged = { readonly result: "auto-merge is on" | "auto-merge was on" | "merged" | "in the merge queue" };

/** Marks reviews, so that they are found again. */
const MARK = markerOf("auto-merge");

const PULL = "GET /repos/{owner}/{repo}/pulls/{pull_number}";

/** Approves the commit, once. */
export async function approve({ github, log }: RunContext, repo: Repo, { number, head }: Merge): Promise<void> {
  const where = { ...repo, pull_number: number };
  const approvals = await approvalsByUs(github, where);
  if (approvals.some((review) => review.commit_id === head)) return;
  const review = { event: "APPROVE", commit_id: head, body: `Approved by gh-runner.\n${MARK}` } as const;
  await github.request(
    "POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews",
    { ...where, ...review },
    { retry: false },
  );
  log.info(`approved ${shortCommit(head)} of #${number}`);
}

function approvalsByUs(github: RunContext["github"], where: Repo & { readonly pull_number: number }) {
  return github.paginate("GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews", where, ({ data }) =>
    data.filter(({ state, body }) => state === "APPROVED" && body.includes(MARK)),
  );
}

/** Switches auto-merge off and dismisses gh-runner's approvals: a commit was added that was not examined. */
export async function takeBack(
  { github, step, log }: RunContext,
  repo: Repo,
  { number, nodeId, why }: { readonly number: number; readonly nodeId: string; readonly why: string },
): Promise<void> {
  const where = { ...repo, pull_number: number };
  await step("auto-merge off", async () => {
    const isOn = async () => (await github.request(PULL, where)).data.auto_merge !== null;
    if (!(await isOn())) return;
    try {
      await github.graphql(DISABLE, { id: nodeId }, { repository: `${repo.owner}/${repo.repo}` });
    } catch (error) {
      // Someone may have been faster.
      if (rejectionOf(error) === undefined || (await isOn())) throw error;
    }
    log.warn(`auto-merge of #${number} is switched off: ${why}`);
  });
  const approvals = await approvalsByUs(github, where);
  for (const { id } of approvals) {
    await step(`dismissal of review ${id}`, async () => {
      const dismissal = { ...where, review_id: Number(id), message: why };
      const { status } = await github.request(
        "PUT /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/dismissals",
        dismissal,
        {
          allow: [403, 404, 422],
        },
      );
      if (status === 200) log.warn(`the approval of #${number} is dismissed: ${why}`);
      else log.warn(`the approval of #${number} could not be dismissed (${status}): dismiss it by hand, ${why}`);
    });
  }
}

/**
 * Lets GitHub merge the pull request when possible. If GitHub does not, because nothing is required or because the
 * repository does not allow auto-merge, the run waits until all checks have passed, and merges.
 * @returns a text if it is not merged: the pull request has changed, or GitHub rejected the merge `MAX_MERGES` times.
 */
export async function mergePull(context: RunContext, repo: Repo, merge: Merge): Promise<Merged | string> {
  const { step, waitUntil } = context;
  const { number, head } = merge;
  const repository = `${repo.owner}/${repo.repo}`;
  const enabled = await step("auto-merge", () => enable(context, repo, merge));
  if ("result" in enabled) return enabled;
  if ("gone" in enabled) return enabled.gone;
  let { isReady } = enabled;
  for (let nth = 1; nth <= MAX_MERGES; nth++) {
    if (!isReady) {
      const now = await waitUntil(`checks ${nth}`, () => stateOf(context, repo, merge), {
        every: "10m",
        timeout: "7d",
        wakeOn: [{ pullRequest: { repository, number } }, { check: { repository, sha: head } }],
      });
      if ("gone" in now) return now.gone;
    }
    const merged = await step(`merge ${nth}`, () => mergeNow(context, repo, merge));
    if ("result" in merged) return merged;
    if ("gone" in merged) return merged.gone;
    isReady = false;
  }
  return `GitHub did not merge it in ${MAX_MERGES} attempts`;
}

/** GitHub may report that it can be merged, and then reject the merge: a check has started in between. */
const MAX_MERGES = 5;

type Gone = { readonly gone: string };

/**
 * Switches auto-merge on. Or reports whether the pull request can be merged immediately because there is nothing to
 * wait for.
 */
async function enable(
  context: RunContext,
  repo: Repo,
  { number, nodeId, head, method, useAutoMerge }: Merge,
): Promise<Merged | Gone | { readonly isReady: boolean }> {
  const { github, log } = context;
  const { data: pull } = await github.request(PULL, { ...repo, pull_number: number });
  const gone = goneOf(pull, head);
  if (gone) return gone;
  if (!useAutoMerge) return { isReady: MERGEABLE.includes(pull.mergeable_state) };
  if (pull.auto_merge) return { result: "auto-merge was on" };
  try {
    const variables = { id: nodeId, head, method: method.toUpperCase() };
    await github.graphql(ENABLE, variables, { repository: `${repo.owner}/${repo.repo}`, retry: false });
  } catch (error) {
    const rejection = rejectionOf(error);
    if (rejection === undefined) throw error;
    if (/clean status|has_hooks status/i.test(rejection)) return { isReady: true };
    if (WAITS.test(rejection)) {
      log.info(
        `GitHub does not merge #${number} automatically (${rejection}): this run merges it when its checks have passed`,
      );
      return { isReady: false };
    }
    const later = goneOf((await github.request(PULL, { ...repo, pull_number: number })).data, head);
    if (later) return later;
    throw error;
  }
  log.info(`auto-merge of #${number} is on (${method})`);
  return { result: "auto-merge is on" };
}

/** Optional checks have not passed, auto-merge is not allowed, or nothing protects the branch. */
const WAITS = /unstable status|auto[- ]?merge is not allowed|protected branch rules not configured/i;

/** GitHub's reason for rejecting a valid mutation. Undefined for any other failure. */
function rejectionOf(error: unknown): string | undefined {
  const { name, facts } = error as { name?: string; facts?: { errors?: readonly { message: string }[] } };
  return name === "PermanentFailure" ? facts?.errors?.[0]?.message : undefined;
}

/** Whether a pull request can be merged, or is no longer what was examined. Undefined: neither. */
async function stateOf({ github }: RunContext, repo: Repo, { number, head }: Merge) {
  const { data: pull } = await github.request(PULL, { ...repo, pull_number: number });
  const gone = goneOf(pull, head);
  if (gone) return gone;
  return MERGEABLE.includes(pull.mergeable_state) ? { isReady: true } : undefined;
}

/** Everything has passed. @see https://docs.github.com/en/graphql/reference/enums#mergestatestatus */
const MERGEABLE = ["clean", "has_hooks"];

type SeenPull = { readonly state: string; readonly merged: boolean; readonly head: { readonly sha: string } };

function goneOf({ state, merged, head }: SeenPull, expected: string): Gone | undefined {
  if (state !== "open") return { gone: `the pull request has since been ${merged ? "merged" : "closed"}` };
  return head.sha === expected ? undefined : { gone: `another commit has since been pushed, ${shortCommit(head.sha)}` };
}

/** Merges the commit and no later one. */
async function mergeNow(
  { github, log }: RunContext,
  repo: Repo,
  { number, nodeId, head, method }: Merge,
): Promise<Merged | Gone | { readonly isReady: false }> {
  const where = { ...repo, pull_number: number };
  const { data: pull } = await github.request(PULL, where);
  // An earlier attempt may have merged it and lost the answer.
  if (pull.merged) return { result: "merged" };
  const gone = goneOf(pull, head);
  if (gone) return gone;
  const route = "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge";
  const body = { sha: head, merge_method: method };
  const answer = await github.request(route, { ...where, ...body }, { retry: false, allow: [405, 409] });
  if (answer.status === 405) {
    const { message = "" } = answer.data as { message?: string };
    if (!/merge queue/i.test(message)) return { isReady: false };
    await github.graphql(ENQUEUE, { id: nodeId, head }, { repository: `${repo.owner}/${repo.repo}`, retry: false });
    log.info(`#${number} is in the merge queue`);
    return { result: "in the merge queue" };
  }
  if (answer.status === 409) return { gone: "another commit has since been pushed" };
  log.info(`#${number} is merged (${method})`);
  return { result: "merged" };
}

const ENABLE = `mutation enableAutoMerge($id: ID!, $head: GitObjectID!, $method: PullRequestMergeMethod!) {
  enablePullRequestAutoMerge(input: { pullRequestId: $id, expectedHeadOid: $head, mergeMethod: $method }) {
    pullRequest { number }
  }
}`;

const DISABLE = `mutation disableAutoMerge($id: ID!) {
  disablePullRequestAutoMerge(input: { pullRequestId: $id }) { pullRequest { number } }
}`;

const ENQUEUE = `mutation enqueue($id: ID!, $head: GitObjectID!) {
  enqueuePullRequest(input: { pullRequestId: $id, expectedHeadOid: $head }) { mergeQueueEntry { id } }
}`;
