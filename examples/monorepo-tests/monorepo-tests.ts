import { type CommitStatus, defineWorkflow, type GitHub, PermanentFailure, skip } from "gh-runner";
import * as z from "zod";

const SHOP = "acme/shop";
/** Each part, and the workflow file that tests it. */
const TARGETS = { api: "api-tests.yml", web: "web-tests.yml" };

type Shown = Pick<CommitStatus, "state" | "description" | "targetUrl">;

/** When a preview of a monorepo is deployed: tests its parts side by side, and shows each result. */
export default defineWorkflow({
  name: "monorepo-tests",
  on: {
    http: {
      path: "/monorepo-tests",
      body: z.object({ application: z.string(), commit: z.string().regex(/^[0-9a-f]{40}$/, "must be a commit hash") }),
    },
  },
  concurrency: { group: ({ body }) => body.application, cancelRunning: true },
  dedupe: { key: ({ body }) => `${body.application} ${body.commit}`, within: "1h" },
  async run({ body: { application, commit }, github, step }) {
    const number = Number(/^pr-(\d+)$/.exec(application)?.[1]);
    if (!number) return skip(`${application} belongs to no pull request`);

    async function test(target: string, workflow: string) {
      const show = (shown: Shown) => step(`${target} ${shown.state}`, () => showOf(github, commit, target, shown));
      await show({ state: "pending", description: "The tests are started." });
      try {
        const start = { ref: "main", inputs: { application, commit }, once: `start ${target}` };
        const tests = await github.runWorkflow(SHOP, workflow, start);
        const { conclusion, htmlUrl } = await github.follow(tests, { name: `${target} tests`, timeout: "3h" });
        const state = conclusion === "success" || conclusion === "failure" ? conclusion : "error";
        await show({ state, description: `The tests ended with ${conclusion}.`, targetUrl: htmlUrl });
        return `| ${target} | [${conclusion}](${htmlUrl}) |`;
      } catch (error) {
        if (!(error instanceof PermanentFailure)) throw error;
        await show({ state: "error", description: error.message });
        return `| ${target} | ${error.message} |`;
      }
    }

    const rows = await Promise.all(Object.entries(TARGETS).map(([target, workflow]) => test(target, workflow)));
    const body = ["| tests | result |", "| --- | --- |", ...rows, "", `Of ${commit}.`].join("\n");
    await step("comment", () => github.comment({ repository: SHOP, number, key: "monorepo-tests", body }));
  },
  async cancelled({ body, github }) {
    for (const target of Object.keys(TARGETS)) {
      await showOf(github, body.commit, target, { state: "error", description: "A newer commit is tested instead." });
    }
  },
});

const showOf = (github: GitHub, sha: string, target: string, shown: Shown) =>
  github.status({ repository: SHOP, sha, context: `tests/${target}`, ...shown });
