import { defineWorkflow } from "gh-runner";

/** The documentation has changed on the branch of a release: the website is built again. */
export default defineWorkflow({
  name: "website",
  on: { github: { events: "push", branches: ["3.x"], paths: ["docs/**"] } },
  githubToken: "WEBSITE_TOKEN",
  async run({ github, event }) {
    await github.dispatch("acme/website", "docs-updated", { url: event.payload.compare });
  },
});
