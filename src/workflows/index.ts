export { type EnvironmentReadyOptions, environmentReady } from "./environment-ready.ts";
export type { FollowTests, Report } from "./preview-input.ts";
export { previewTests } from "./preview-tests.ts";
export { type LabelerOptions, labeler } from "./ready/labeler.ts";
export { type PullRequestTitleOptions, pullRequestTitle } from "./ready/pull-request-title.ts";
export { stale } from "./ready/stale.ts";
export type { StaleOptions } from "./ready/stale-options.ts";
export type { PreviewTestsOptions } from "./report.ts";
export { scalarAt } from "./values-file.ts";
