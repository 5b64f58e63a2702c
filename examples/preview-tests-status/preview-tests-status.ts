import { type CommitStatus, defineWorkflow, PermanentFailure } from "gh-runner";
import * as z from "zod";

const SHOP = "acme/shop";

/** When a preview is deployed: shows on its commit that tests run, and then their result. */
export default defineWorkflow({
  name: "preview-tests-status",
  on: {
    http: {
      path: "/preview-tests",
      body: z.object({ application: z.string(), commit: z.string().regex(/^[0-9a-f]{40}$/, "must be a commit hash") }),
    },
  },
  concurrency: ({ body }) => body.commit,
  dedupe: { key: ({ body }) => `${body.application} ${body.commit}`, within: "1h" },
  async run({ body: { application, commit }, github, step }) {
    const show = (state: CommitStatus["state"], description: string, targetUrl?: string) =>
      step(state, () =>
        github.status({ repository: SHOP, sha: commit, context: "preview-tests", state, description, targetUrl }),
      );

    await show("pending", "The tests are started.");
    try {
      const inputs = { application, commit };
      const tests = await github.runWorkflow(SHOP, "preview-tests.yml", { ref: "main", inputs, once: "start" });
      const { conclusion, htmlUrl } = await github.follow(tests, { name: "tests", timeout: "3h" });
      const state = conclusion === "success" || conclusion === "failure" ? conclusion : "error";
      await show(state, `The tests ended with ${conclusion}.`, htmlUrl);
      return { commit, state };
    } catch (error) {
      if (error instanceof PermanentFailure) await show("error", error.message);
      throw error;
    }
  },
});
