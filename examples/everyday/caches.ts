import { defineWorkflow } from "gh-runner";

/** Deletes the caches of a pull request that was closed. */
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
