import { defineWorkflow, PermanentFailure } from "gh-runner";
import * as z from "zod";

const SHOP = { owner: "acme", repo: "shop" };

/** A preview is deployed: its commit shows that tests are under way, then what came of them. */
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
  async run({ body: { application, commit }, github, step, waitUntil }) {
    // The newest status of a context counts, so setting it twice does no harm.
    const set = (state: "pending" | "success" | "failure" | "error", description: string, target_url?: string) =>
      step(state, async () => {
        const status = { context: "preview-tests", state, description, ...(target_url && { target_url }) };
        await github.request("POST /repos/{owner}/{repo}/statuses/{sha}", { ...SHOP, sha: commit, ...status });
      });

    await set("pending", "Tests are started.");
    try {
      const inputs = { commit, application };
      const tests = await step("start", () =>
        github.runWorkflow("acme/shop", "preview-tests.yml", { ref: "main", inputs }),
      );
      const run_id = tests?.id ?? 0;
      const look = async () => {
        const { data } = await github.request("GET /repos/{owner}/{repo}/actions/runs/{run_id}", { ...SHOP, run_id });
        return data.status === "completed" ? String(data.conclusion) : undefined;
      };
      const wakeOn = { workflowRun: { repository: "acme/shop", id: run_id } };
      const conclusion = await waitUntil("tests have ended", look, { every: "5m", timeout: "3h", wakeOn });
      const state = conclusion === "success" || conclusion === "failure" ? conclusion : "error";
      await set(state, `The tests ended with ${conclusion}.`, tests?.htmlUrl);
      return { commit, state };
    } catch (error) {
      if (error instanceof PermanentFailure) await set("error", "The tests could not be started, or never ended.");
      throw error;
    }
  },
});
