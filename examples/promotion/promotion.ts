import { defineWorkflow, PermanentFailure, skip } from "gh-runner";
import * as z from "zod";

const SHOP = "acme/shop";
const APPROVAL = z.object({ approved: z.boolean(), by: z.string() });

/** When a preview is deployed: tests it, asks on its pull request for approval, and promotes it. */
export default defineWorkflow({
  name: "promotion",
  on: {
    http: {
      path: "/promotions",
      body: z.object({ pr: z.number().int(), commit: z.string().regex(/^[0-9a-f]{40}$/, "must be a commit hash") }),
    },
  },
  concurrency: { group: ({ body }) => `pr-${body.pr}`, cancelRunning: true },
  dedupe: { key: ({ body }) => `${body.pr} ${body.commit}`, within: "7d" },
  async run({ body: { pr, commit }, callback, github, step }) {
    const say = (name: string, text: string) =>
      step(name, () => github.comment({ repository: SHOP, number: pr, key: "promotion", body: `${commit}: ${text}` }));

    await say("begun", "it is promoted to staging when its tests have passed and you have approved it.");
    try {
      const inputs = { pr: String(pr), commit };
      const tests = await github.runWorkflow(SHOP, "preview-tests.yml", { ref: "main", inputs, once: "start" });
      await github.follow(tests, { name: "tests", timeout: "3h", mustSucceed: true });

      const approval = await callback("approval", { body: APPROVAL, timeout: "2d" });
      await step("ask", async () => {
        // A new comment notifies people. acme/shop is private: anyone who reads the comment can answer.
        const question = {
          owner: "acme",
          repo: "shop",
          issue_number: pr,
          body: `[Promote ${commit}?](${approval.url})`,
        };
        await github.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", question);
      });
      const { approved, by } = await approval.result();
      if (!approved) {
        await say("rejected", "it is not promoted: rejected.");
        return skip(`rejected by ${by}`);
      }
      await github.dispatch("acme/deployment", "promote", { commit, environment: "staging" }, { once: "promote" });
      await say("promoted", "it is being promoted to staging.");
      return { commit, by };
    } catch (error) {
      if (error instanceof PermanentFailure) await say("not promoted", `it is not promoted. ${error.message}`);
      throw error;
    }
  },
});
