import { defineWorkflow, type FluxEvent, skip } from "gh-runner";
import { type Deployed, record } from "./shared/record.ts";

export default defineWorkflow({
  name: "deployment-from-flux",
  on: { flux: { path: "/deployments/flux", filter: ({ involvedObject }) => involvedObject.kind === "Kustomization" } },
  concurrency: ({ body }) => body.involvedObject.name,
  run: async (context) => {
    const { commit, metadata, involvedObject } = context.body;
    const { repository, url } = metadata;
    if (!commit) return skip("the event names no commit");
    if (!repository) return skip("the event names no repository: set eventMetadata.repository in the Alert");
    return record({ repository, commit, environment: involvedObject.name, state: stateOf(context.body), url }, context);
  },
});

function stateOf({ severity, reason }: FluxEvent): Deployed["state"] {
  if (severity === "error") return "failure";
  return reason === "ReconciliationSucceeded" ? "success" : "in_progress";
}
