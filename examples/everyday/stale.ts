import { stale } from "gh-runner/workflows";

/** Pull requests without activity for two weeks are stale, and closed a week later. Issues stay as they are. */
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
