import { defineWorkflow } from "gh-runner";
import { environmentReady } from "gh-runner/workflows";

const PREFIX = "pr-";

const bridge = environmentReady({
  deploymentRepo: process.env.DEPLOYMENT_REPO ?? "",
  targetRepo: process.env.TARGET_REPO ?? "",
  applicationPrefix: PREFIX,
});

/**
 * `environment-ready` for Flux. It runs when Flux has applied a Kustomization with the name of its application, such as
 * pr-1234. The values file is read at the commit that Flux applied, so the Kustomization's source must be the deployment
 * repository. If it is another one, remove `revision`.
 */
export default defineWorkflow({
  name: "environment-ready-flux",
  repository: process.env.TARGET_REPO ?? "",
  on: {
    flux: {
      path: "/flux",
      filter: ({ involvedObject: { kind, name }, reason }) =>
        kind === "Kustomization" && reason === "ReconciliationSucceeded" && name.startsWith(PREFIX),
    },
  },
  concurrency: ({ body }) => body.involvedObject.name,
  labels: ({ body }) => ({ application: body.involvedObject.name, revision: body.commit }),
  run: (context) =>
    bridge.run({ ...context, body: { application: context.body.involvedObject.name, revision: context.body.commit } }),
});
