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
  /** Name of the workflow made with `previewTests` that follows them. "preview-tests" by default. */
  readonly followedBy?: string | undefined;
  /**
   * Name of the status and of the check, with `{application}` if one commit is deployed for several applications. By
   * default `gh-runner/preview`, or `gh-runner/NAME` for a workflow other than `environment-ready`.
   */
  readonly context?: string | undefined;
  /** How long the tests may take. "6h" by default. */
  readonly timeout?: Duration | undefined;
  /** How long to wait for the Actions run to appear. "3m" by default. */
  readonly nothingAfter?: Duration | undefined;
  /** The address of an environment, with `{application}` in it. Deployments and comments link to it. */
  readonly environmentUrl?: string | undefined;
};

/** The complete result of `dispatch` or `runWorkflow`. `findRun` takes it. */
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

/** One environment with its tested commit. Lazy: a service without FOLLOW does not need it. */
const preview = z.lazy(() =>
  z.object({
    /** Name of the workflow that has started the tests. */
    workflow: z.string(),
    application: z.string(),
    /** As in the values file: a hash or a tag. */
    commit: z.string(),
    /** The full hash, if `commit` is one. */
    sha: z.string().optional(),
    /** The repository in which the tests run. */
    repository: z.string(),
    tests: startedRun,
    /** What was sent, to send it again. Exactly one of the two is set. */
    event: z.object({ type: z.string(), payload: json }).optional(),
    start: z
      .object({
        workflow: z.string(),
        ref: z.string(),
        inputs: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
      })
      .optional(),
    /** The values file, and the commit at which it was read, if known. */
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
    /** Why these tests are obsolete: as a sentence, and as one word. */
    why: z.string(),
    word: z.enum(["superseded", "closed", "cancelled"]),
    /** Set if there is a comment about it. */
    pull: pull.optional(),
  }),
);

/** Tests to cancel at GitHub. */
export type Obsolete = z.infer<typeof obsolete>;

/** Tests to follow, or tests to cancel. */
export const previewInputs = z.lazy(() => z.union([preview, z.object({ cancel: obsolete })]));

/** The preview that a run of `preview-tests` follows. Undefined if there is none. */
export function previewIn(input: unknown): Preview | undefined {
  const parsed = preview.safeParse(input);
  return parsed.success ? parsed.data : undefined;
}

/** The input of `findRun`. Zod's types allow undefined fields, but JSON has none. */
export const startedOf = ({ tests }: Pick<Preview, "tests">): StartedRun => tests as StartedRun;

/** The concurrency group of a preview. The same application in two workflows is two environments. */
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
