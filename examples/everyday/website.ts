import { defineWorkflow } from "gh-runner";

/** Starts the build of the website when the documentation changes on the release branch. */
export default defineWorkflow({
  name: "website",
  on: { github: { events: "push", branches: ["3.x"], paths: ["docs/**"] } },
  githubToken: "WEBSITE_TOKEN",
  async run({ github, event }) {
    await github.dispatch("acme/website", "docs-updated", { url: event.payload.compare });
  },
});
