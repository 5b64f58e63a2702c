import type { GitHub } from "gh-runner";

type Status = {
  readonly state: "pending" | "success" | "failure" | "error";
  /** At most 140 characters. */
  readonly description: string;
  /** Where the details are. */
  readonly target_url?: string;
};

/** Sets the status `preview-tests` of a commit. The newest counts, so doing it twice does no harm. */
export async function setStatus(github: GitHub, repository: string, sha: string, status: Status): Promise<void> {
  const [owner = "", repo = ""] = repository.split("/");
  await github.request("POST /repos/{owner}/{repo}/statuses/{sha}", {
    ...{ owner, repo, sha },
    context: "preview-tests",
    ...status,
  });
}
