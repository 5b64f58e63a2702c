import { defineWorkflow, type FluxEvent, skip } from "gh-runner";
import * as z from "zod";

/** GitHub's state of a deployment, per phase of ArgoCD's operation. */
const STATES = { Running: "in_progress", Succeeded: "success", Failed: "failure", Error: "failure" } as const;

/** If the answer is lost, the next attempt of the run finds what was created. */
const FOUND_LATER = { retry: false } as const;

/** Writes GitHub Deployments and statuses: one deployment per commit and environment, no status twice in a row. */
export default defineWorkflow({
  name: "record-deployment",
  on: {
    http: {
      path: "/deployments/argocd",
      body: z.object({
        application: z.string(),
        repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, "must be owner/name"),
        revision: z.string().regex(/^[0-9a-f]{40}$/, "must be a whole commit hash"),
        phase: z.enum(["Running", "Succeeded", "Failed", "Error"]),
        url: z.url().nullish(),
      }),
    },
    flux: { path: "/deployments/flux", filter: ({ involvedObject }) => involvedObject.kind === "Kustomization" },
  },
  concurrency: ({ trigger, body }) => (trigger === "http" ? body.application : body.involvedObject.name),
  async run({ trigger, body, github, step }) {
    const { repository, url } = trigger === "http" ? body : body.metadata;
    const { commit, environment, state } =
      trigger === "http"
        ? { commit: body.revision, environment: body.application, state: STATES[body.phase] }
        : { commit: body.commit, environment: body.involvedObject.name, state: stateOf(body) };
    if (!commit) return skip("the event names no commit");
    if (!repository) return skip("the event names no repository: set eventMetadata.repository in the Alert");
    const [owner = "", repo = ""] = repository.split("/");
    const where = { owner, repo, environment };

    const deployment = await step("deployment", async () => {
      const known = await github.request("GET /repos/{owner}/{repo}/deployments", { ...where, sha: commit });
      if (known.data[0]) return Number(known.data[0].id);
      const { data } = await github.request(
        "POST /repos/{owner}/{repo}/deployments",
        { ...where, ref: commit, auto_merge: false, required_contexts: [] },
        FOUND_LATER,
      );
      // GitHub answers 202 without an id if it merges instead. `auto_merge: false` prevents that.
      return "id" in data ? Number(data.id) : 0;
    });

    const written = await step("status", async () => {
      const its = { owner, repo, deployment_id: deployment };
      const { data } = await github.request("GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses", its);
      if (data[0]?.state === state) return false;
      await github.request(
        "POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
        { ...its, state, ...(url ? { environment_url: url } : {}) },
        FOUND_LATER,
      );
      return true;
    });
    return { deployment, state, written };
  },
});

function stateOf({ severity, reason }: FluxEvent): "in_progress" | "success" | "failure" {
  if (severity === "error") return "failure";
  return reason === "ReconciliationSucceeded" ? "success" : "in_progress";
}
