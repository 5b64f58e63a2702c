import type { Context } from "gh-runner";

export type Deployed = {
  /** `owner/name` of the source. */
  readonly repository: string;
  readonly commit: string;
  readonly environment: string;
  readonly state: "in_progress" | "success" | "failure";
  readonly url?: string | undefined;
};

/** Should the answer be lost, the next attempt of the run finds what was made. */
const FOUND_LATER = { retry: false } as const;

/** Writes a GitHub Deployment and its status: one deployment for a commit in an environment, no status twice in a row. */
export async function record({ repository, commit, environment, state, url }: Deployed, { github, step }: Context) {
  const [owner = "", repo = ""] = repository.split("/");

  const deployment = await step("deployment", async () => {
    const known = await github.request("GET /repos/{owner}/{repo}/deployments", {
      ...{ owner, repo, environment },
      sha: commit,
    });
    if (known.data[0]) return Number(known.data[0].id);
    const { data } = await github.request(
      "POST /repos/{owner}/{repo}/deployments",
      { ...{ owner, repo, environment }, ref: commit, auto_merge: false, required_contexts: [] },
      FOUND_LATER,
    );
    // 202 without an id: GitHub has merged instead, which auto_merge rules out.
    return "id" in data ? Number(data.id) : 0;
  });

  const told = await step("status", async () => {
    const where = { owner, repo, deployment_id: deployment };
    const { data } = await github.request("GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses", where);
    if (data[0]?.state === state) return false;
    await github.request(
      "POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
      { ...where, state, ...(url ? { environment_url: url } : {}) },
      FOUND_LATER,
    );
    return true;
  });
  return { deployment, state, told };
}
