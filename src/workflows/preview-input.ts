import * as z from "zod";
import type { Duration, Json, StartedRun } from "../index.ts";

/** The workflow that follows the tests of a preview and reports them. */
export const PREVIEW_TESTS = "preview-tests";

/** Where the result is reported. */
export const REPORTS = ["status", "check", "comment", "deployment"] as const;

export type Report = (typeof REPORTS)[number];

/** How the tests of a preview are followed. */
export type FollowTests = {
  readonly reports: readonly Report[];
  /** Name of the workflow that does it, made with `previewTests`: "preview-tests" without it. */
  readonly followedBy?: string | undefined;
  /**
   * Name of the status and of the check, with `{application}` where one commit is deployed for several; without it
   * `gh-runner/preview`, or `gh-runner/NAME` of another workflow than `environment-ready`.
   */
  readonly context?: string | undefined;
  /** How long the tests may take: "6h" without it. */
  readonly timeout?: Duration | undefined;
  /** How long it may take until the run is there: "3m" without it. */
  readonly nothingAfter?: Duration | undefined;
  /** Where an environment is reached, with `{application}` in it: a link of deployments and comments. */
  readonly environmentUrl?: string | undefined;
};

/** What `dispatch` and `runWorkflow` have given, whole: `findRun` takes it. */
const startedRun = z.lazy(() =>
  z.looseObject({
    repository: z.string(),
    event: z.enum(["repository_dispatch", "workflow_dispatch"]),
    key: z.string().optional(),
    since: z.string(),
  }),
);

const json = z.lazy(() =>
  z.record(
    z.string(),
    z.custom<Json>((value) => value !== undefined),
  ),
);

/** One environment with the commit that is tested in it. Lazy: a service without FOLLOW needs none of it. */
const preview = z.lazy(() =>
  z.object({
    /** Name of the workflow that has started the tests. */
    workflow: z.string(),
    application: z.string(),
    /** As the values file has it: a hash or a tag. */
    commit: z.string(),
    /** The full hash, where `commit` is one. */
    sha: z.string().optional(),
    /** In which the tests run. */
    repository: z.string(),
    tests: startedRun,
    /** What was sent, to send it again: one of the two. */
    event: z.object({ type: z.string(), payload: json }).optional(),
    start: z
      .object({
        workflow: z.string(),
        ref: z.string(),
        inputs: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
      })
      .optional(),
    /** The values file, and the commit at which it was read where that is known. */
    values: z.object({ repository: z.string(), path: z.string(), commit: z.string().optional() }),
    /** The run that has started the tests, and the workflow that follows them. */
    dispatchedBy: z.string(),
    followedBy: z.string(),
    follow: z.array(z.enum(REPORTS)),
    context: z.string(),
    environmentUrl: z.string().optional(),
    timeout: z.string(),
    nothingAfter: z.string(),
  }),
);

export type Preview = z.infer<typeof preview>;

const pull = z.lazy(() =>
  z.object({
    number: z.number(),
    url: z.string(),
    title: z.string(),
    state: z.enum(["open", "closed"]),
  }),
);

/** The pull request of a commit, as far as GitHub knows one. */
export type Pull = z.infer<typeof pull>;

const obsolete = z.lazy(() =>
  z.object({
    preview,
    /** Why these tests are obsolete, as a sentence, and as one word. */
    why: z.string(),
    word: z.enum(["superseded", "closed", "cancelled"]),
    /** Where there is a comment about it. */
    pull: pull.optional(),
  }),
);

/** Tests that are to be cancelled at GitHub. */
export type Obsolete = z.infer<typeof obsolete>;

/** Tests to follow, or tests to cancel. */
export const previewInputs = z.lazy(() => z.union([preview, z.object({ cancel: obsolete })]));

/** The preview that a run of `preview-tests` follows; undefined when it is none. */
export function previewIn(input: unknown): Preview | undefined {
  const parsed = preview.safeParse(input);
  return parsed.success ? parsed.data : undefined;
}

/** What was started, for `findRun`. Zod's types let a field be undefined; JSON has none such. */
export const startedOf = ({ tests }: Pick<Preview, "tests">): StartedRun => tests as StartedRun;

/** The concurrency group of a preview: of two workflows the same application is another environment. */
export function groupOfPreview({ workflow, application }: Pick<Preview, "workflow" | "application">): string {
  return workflow === MAIN_WORKFLOW ? application : `${workflow}/${application}`;
}

/** The name of the status and of the check. */
export function contextOf(workflow: string, application: string, context: string | undefined): string {
  const template = context ?? (workflow === MAIN_WORKFLOW ? DEFAULT_CONTEXT : `gh-runner/${workflow}`);
  return template.replaceAll("{application}", () => application);
}

export const MAIN_WORKFLOW = "environment-ready";
export const DEFAULT_CONTEXT = "gh-runner/preview";
