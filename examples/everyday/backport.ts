import { defineWorkflow, fail, type GitHub, type Repo } from "gh-runner";

/** Cherry-picks a squashed pull request with a label `backport 1.2` onto `release-1.2`, in a new pull request. */
export default defineWorkflow({
  name: "backport",
  on: {
    github: {
      events: "pull_request",
      actions: ["closed", "labeled"],
      filter: ({ payload }) => payload.pull_request.merged === true,
    },
  },
  concurrency: ({ repository, pull }) => `${repository}#${pull}`,
  async run({ event, github, repo, repository, pull, step }) {
    const { title, labels, merge_commit_sha: commit } = event.payload.pull_request;
    const given = event.payload.action === "labeled" ? [event.payload.label] : labels;
    const conflicts: string[] = [];
    for (const { name } of given) {
      if (!commit || !name.startsWith("backport ")) continue;
      const base = name.replace("backport ", "release-");
      const head = `backport-${pull}-to-${base}`;
      if (await step(head, () => pick(github, repo, { commit, base, head }))) {
        await github.openPull({ repository, base, head, title: `[${base}] ${title}`, body: `Backport of #${pull}.` });
      } else conflicts.push(base);
    }
    if (conflicts.length > 0) return fail(`It conflicts with ${conflicts.join(", ")}: pick it there by hand.`);
  },
});

/** `git cherry-pick` without a clone: creates the branch `head` with the commit on top of `base`. False if they conflict. */
async function pick(
  github: GitHub,
  repo: Repo,
  { commit, base, head }: { commit: string; base: string; head: string },
) {
  const { git, repos } = github.rest;
  const { data: branch } = await git.getRef({ ...repo, ref: `heads/${base}` });
  const { data: tip } = await git.getCommit({ ...repo, commit_sha: branch.object.sha });
  const { data: merged } = await git.getCommit({ ...repo, commit_sha: commit });
  // A commit with the parent of the merged one and the files of `base`: merging both gives the files of a cherry-pick.
  const parents = merged.parents.slice(0, 1).map(({ sha }) => sha);
  const { data: sibling } = await git.createCommit({ ...repo, message: head, tree: tip.tree.sha, parents });
  await git.createRef({ ...repo, ref: `refs/heads/${head}`, sha: sibling.sha }, { allow: [422] });
  await git.updateRef({ ...repo, ref: `heads/${head}`, sha: sibling.sha, force: true });
  const merge = await repos.merge({ ...repo, base: head, head: commit }, { allow: [409] });
  if (merge.status === 409) {
    await git.deleteRef({ ...repo, ref: `heads/${head}` });
    return false;
  }
  const picked = {
    message: merged.message,
    author: merged.author,
    tree: merge.data.commit.tree.sha,
    parents: [tip.sha],
  };
  const { data: result } = await git.createCommit({ ...repo, ...picked });
  await git.updateRef({ ...repo, ref: `heads/${head}`, sha: result.sha, force: true });
  return true;
}
