import { defineWorkflow, skip } from "gh-runner";

/** The package that the form of an issue names, and its label. */
const LABELS: Readonly<Record<string, string>> = {
  "@acme/browser": "Package: Browser",
  "@acme/angular": "Package: Angular",
  "@acme/angular-ivy": "Package: Angular",
  "@acme/ember": "Package: Ember",
  "@acme/gatsby": "Package: Gatsby",
  "@acme/nextjs": "Package: Nextjs",
  "@acme/node": "Package: Node",
  "@acme/opentelemetry-node": "Package: otel-node",
  "@acme/react": "Package: React",
  "@acme/remix": "Package: Remix",
  "@acme/serverless": "Package: Serverless",
  "@acme/svelte": "Package: Svelte",
  "@acme/sveltekit": "Package: SvelteKit",
  "@acme/vue": "Package: Vue",
  "@acme/wasm": "Package: Wasm",
  "Browser Loader": "Package-Meta: Loader",
  "Browser CDN bundle": "Package-Meta: CDN",
};

/** Labels a new issue with the package that its form names. */
export default defineWorkflow({
  name: "package-label",
  on: { github: { events: "issues", actions: ["opened"] } },
  async run({ event, github, repo, issue }) {
    const [, name = ""] = /### Which package are you using\?\s+(.*?)\s*$/m.exec(event.payload.issue.body ?? "") ?? [];
    const label = LABELS[name];
    if (!label) return skip("the issue names no package");
    await github.rest.issues.addLabels({ ...repo, issue_number: issue, labels: [label] });
    return { label };
  },
});
