/**
 * The public API, for your workflows: `import { defineWorkflow } from "gh-runner"`. docs/workflows.md explains it. The ready-made
 * workflows are in `gh-runner/workflows`, and `testRun` for tests is in `gh-runner/testing`.
 */
export { hasPassed } from "./model/actions-runs.ts";
export type { ArtifactFiles } from "./model/artifact.ts";
export type { OpenedPull, PullToOpen, WriteFileOptions, WrittenFile } from "./model/changes.ts";
export type { NoticeFormat } from "./model/chat.ts";
export type {
  CallbackOptions,
  OpenCallback,
  RunContext,
  RunLog,
  Runs,
  WaitForOptions,
  WaitUntilOptions,
} from "./model/context.ts";
export type { Duration } from "./model/duration.ts";
export type { Repo } from "./model/event-facts.ts";
export { LimitReached, PermanentFailure, TransientFailure } from "./model/failure.ts";
export type {
  FindOptions,
  FollowedJob,
  FollowedRun,
  FollowOptions,
  FoundRun,
  GitHub,
  OnceOptions,
  RunReference,
  StartedRun,
  StartedWorkflow,
} from "./model/github.ts";
export type { Annotation, CommitCheck, CommitStatus, DeploymentState, KeyedComment } from "./model/github-reports.ts";
export type { GitHubTrigger } from "./model/github-trigger.ts";
export type { GraphQLError, GraphQLOptions, GraphQLVariables } from "./model/graphql.ts";
export type { Identity } from "./model/identity.ts";
export type { NoticeKind, NotifyOption, NotifyTarget } from "./model/notices.ts";
export type { Permissions } from "./model/permissions.ts";
export type { ReportAs, ReportedCommit, ReportOption, ReportOptions, RunReport } from "./model/report.ts";
export type { GitHubAnswer, RequestOptions, RequestParameters } from "./model/request.ts";
export type { Page, PageOptions, Rest, RestMethod } from "./model/rest.ts";
export type { Json, Outcome } from "./model/run.ts";
export type {
  CallTrigger,
  Ended,
  FluxEvent,
  FluxTrigger,
  HttpAnswer,
  HttpTrigger,
  ManualTrigger,
  ScheduleTrigger,
  Schema,
  Tick,
  TriggerKind,
  Triggers,
} from "./model/triggers.ts";
export type { WakeOn } from "./model/waits.ts";
export type { Delivery, WebhookEvent, WebhookName } from "./model/webhooks.ts";
export type { Concurrency, Context, Fail, GivenBy, Skip, Workflow } from "./model/workflow.ts";
export { defineWorkflow, fail, skip } from "./model/workflow.ts";
