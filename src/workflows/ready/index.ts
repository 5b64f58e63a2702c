export { autoMerge } from "./auto-merge.ts";
export { labeler } from "./labeler.ts";
export { lockThreads } from "./lock-threads.ts";
export { pullRequestTitle } from "./pull-request-title.ts";
export { stale } from "./stale.ts";
