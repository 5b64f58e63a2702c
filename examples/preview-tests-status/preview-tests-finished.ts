import { defineWorkflow } from "gh-runner";
import { setStatus } from "./shared/status.ts";

/** What `run-name` in the workflow file makes of the commit: a run by `repository_dispatch` has no other link to it. */
const TITLE = /^Preview tests of ([0-9a-f]{40})$/;

/** The tests have ended: says so on the commit that they tested, not on the one that the default branch is at. */
export default defineWorkflow({
  name: "preview-tests-finished",
  on: {
    github: {
      events: "workflow_run",
      actions: ["completed"],
      filter: ({ payload: { workflow_run: run } }) =>
        run.event === "repository_dispatch" && TITLE.test(run.display_title ?? ""),
    },
  },
  async run({ event: { payload }, github, step }) {
    const { conclusion, display_title: title = "", html_url: link } = payload.workflow_run;
    const commit = TITLE.exec(title)?.[1] ?? "";
    const state = conclusion === "success" ? "success" : conclusion === "failure" ? "failure" : "error";
    const description = `The tests ended with ${conclusion}.`;
    await step("status", () =>
      setStatus(github, payload.repository.full_name, commit, { state, description, target_url: link }),
    );
    return { commit, state };
  },
});
