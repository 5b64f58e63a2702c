import { defineWorkflow, PermanentFailure } from "gh-runner";
import * as z from "zod";
import { setStatus } from "./shared/status.ts";

const SHOP = "acme/shop";

/** A preview is deployed: its commit shows that tests are under way, and they are started. */
export default defineWorkflow({
  name: "preview-tests-started",
  on: {
    http: {
      path: "/preview-tests",
      body: z.object({ application: z.string(), commit: z.string().regex(/^[0-9a-f]{40}$/, "must be a commit hash") }),
    },
  },
  concurrency: ({ body }) => body.application,
  dedupe: { key: ({ body }) => `${body.application} ${body.commit}`, within: "1h" },
  async run({ body: { application, commit }, github, step }) {
    // Before the tests are started: their end must not be overtaken by it.
    await step("pending", () =>
      setStatus(github, SHOP, commit, { state: "pending", description: "Tests are started." }),
    );
    try {
      await step("dispatch", () =>
        github.dispatch(SHOP, "environment_ready", { commitHash: commit, sourceName: application }),
      );
    } catch (error) {
      if (error instanceof PermanentFailure) {
        await step("error", () =>
          setStatus(github, SHOP, commit, { state: "error", description: "The tests could not be started." }),
        );
      }
      throw error;
    }
    return { commit };
  },
});
