import { stale } from "gh-runner/workflows";

/** Marks pull requests without activity for two weeks as stale, and closes them a week later. Ignores issues. */
export default stale({
  cron: "30 1 * * *",
  stalePrLabel: "kind/stale",
  stalePrMessage: "Nothing has happened here for 14 days. It is closed in 7 days unless something does.",
  closePrMessage: "Nothing has happened here for another 7 days, so it is closed.",
  daysBeforePrStale: 14,
  daysBeforePrClose: 7,
  daysBeforeIssueStale: -1,
  daysBeforeIssueClose: -1,
});
