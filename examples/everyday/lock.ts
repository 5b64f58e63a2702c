import { lockThreads } from "gh-runner/workflows";

/** Locks what has been closed for a month: people with the same problem open another issue. */
export default lockThreads({
  cron: "0 0 * * *",
  issueInactiveDays: 30,
  prInactiveDays: 30,
  excludeAnyIssueLabels: "discussion",
  excludeAnyPrLabels: "discussion",
  issueComment:
    "This is locked, since nothing has happened here after it was closed. Please open a new issue for related bugs.",
});
