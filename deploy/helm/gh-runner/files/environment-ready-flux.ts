import { defineWorkflow } from "gh-runner";
import { environmentReady } from "gh-runner/workflows";

const PREFIX = "pr-";

const bridge = environmentReady({
  deploymentRepo: process.env.DEPLOYMENT_REPO ?? "",
  targetRepo: process.env.TARGET_REPO ?? "",
  applicationPrefix: PREFIX,
});

/**
 * What `environment-ready` does for ArgoCD, for Flux: a Kustomization that is named like its application, such as
 * pr-1234, was applied. The values file is read at the commit that Flux applied, so its source is the deployment
 * repository; where it is another, take `revision` out.
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
