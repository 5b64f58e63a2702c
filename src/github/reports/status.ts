import { ownerAndName } from "../../model/github-names.ts";
import type { CommitStatus } from "../../model/github-reports.ts";
import { oneLine } from "../../model/visible.ts";
import { type Reporting, within } from "./reporting.ts";

/** GitHub's most characters. */
const MAX_DESCRIPTION = 140;

/**
 * Sets the status of a commit. Nothing is looked up before: of a context the newest counts, so that the same one twice is
 * as good as once.
 * @see https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
 */
export async function setStatus({ ask, brief }: Reporting, status: CommitStatus): Promise<void> {
  const { repository, sha, context, state, description, targetUrl } = status;
  await ask(
    {
      tried: `setting the status ${context} of ${sha} in ${repository}`,
      repository,
      permission: "Commit statuses: write",
    },
    "POST /repos/{owner}/{repo}/statuses/{sha}",
    {
      ...ownerAndName(repository),
      sha,
      context,
      state,
      ...(description !== undefined && { description: within(brief, oneLine(description), MAX_DESCRIPTION) }),
      ...(targetUrl !== undefined && { target_url: targetUrl }),
    },
    [201],
  );
}
