import { defineWorkflow } from "gh-runner";

/** A pull request is closed: its caches are not needed any more. */
export default defineWorkflow({
  name: "caches",
  on: { github: { events: "pull_request", actions: ["closed"] } },
  permissions: { actions: "write" },
  async run({ github, repo, pull, log }) {
    const caches = await github.paginate(github.rest.actions.getActionsCacheList, {
      ...repo,
      ref: `refs/pull/${pull}/merge`,
    });
    for (const { id, key } of caches) {
      await github.rest.actions.deleteActionsCacheById({ ...repo, cache_id: id! }, { allow: [404] });
      log.info(`deleted ${key}`);
    }
  },
});
