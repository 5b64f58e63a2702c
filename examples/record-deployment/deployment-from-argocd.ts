import { defineWorkflow } from "gh-runner";
import * as z from "zod";
import { type Deployed, record } from "./shared/record.ts";

/** What ArgoCD calls the phase of an operation, and GitHub the state of a deployment. */
const STATES: Readonly<Record<string, Deployed["state"]>> = {
  Running: "in_progress",
  Succeeded: "success",
  Failed: "failure",
  Error: "failure",
};

export default defineWorkflow({
  name: "deployment-from-argocd",
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
  },
  concurrency: ({ body }) => body.application,
  run: (context) => {
    const { application: environment, repository, revision: commit, phase, url } = context.body;
    const state = STATES[phase] ?? "failure";
    return record({ repository, commit, environment, state, url: url ?? undefined }, context);
  },
});
