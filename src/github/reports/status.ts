import { ownerAndName } from "../../model/github-names.ts";
import type { CommitStatus } from "../../model/github-reports.ts";
import { oneLine } from "../../model/visible.ts";
import { type Reporting, within } from "./reporting.ts";

/** GitHub's maximum, in characters. */
const MAX_DESCRIPTION = 140;

/**
 * Sets the status of a commit. It looks up nothing first: the newest status of a context counts, so writing the same
 * one twice does no harm.
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
