import * as z from "zod";
import { defineWorkflow, type GitHub, type Json, PermanentFailure, skip, TransientFailure } from "../index.ts";
import { revisionIn } from "./git-revision.ts";
import type { FollowTests } from "./preview-input.ts";
import { readAtCommit, send, startTests } from "./start-tests.ts";
import { scalarAt } from "./values-file.ts";

/** The options of one pair of deployment and target repository. Repositories are `owner/name`. */
export type EnvironmentReadyOptions = {
  /** Must be unique in a service. "environment-ready" by default. */
  readonly name?: string;
  /** The path that ArgoCD sends to. "/dispatch" by default. */
  readonly path?: string;
  /** Holds the values files. */
  readonly deploymentRepo: string;
  /** Receives the event. */
  readonly targetRepo: string;
  /** Git ref for reading the values files if the caller names no revision. The default branch by default. */
  readonly deploymentRef?: string | undefined;
  /** Paths that contain `{application}`. The first file that exists wins. */
  readonly valuesPaths?: readonly string[];
  /** Dotted path to the commit hash in the values file. "global.config.DEPLOYMENT_TAG" by default. */
  readonly tagKey?: string;
  /** 1 to 100 characters. "environment_ready" by default. */
  readonly eventType?: string;
  /** Applications whose names do not start with it are skipped. "pr-" by default. With "" no application is skipped. */
  readonly applicationPrefix?: string;
  /** Checks before a dispatch that the target repository has the commit, as a hash or a tag. Off by default. */
  readonly verifyCommit?: boolean;
  /** The same commit for the same application is skipped within this many seconds. 0 or undefined: never. */
  readonly dedupeSeconds?: number;
  /** The payload of the event, up to 10 properties. `{ commitHash, sourceName }` by default. */
  readonly payload?: (found: { application: string; commitHash: string }) => { readonly [key: string]: Json };
  /**
   * Starts this workflow of the target repository (`workflow_dispatch`) instead of sending an event: `tests.yml`, or
   * `tests.yml@REF` for a ref other than the default branch. Its inputs are the properties of the payload.
   */
  readonly targetWorkflow?: string | undefined;
  /**
   * Follows the tests until they end, and reports the result. A run of `preview-tests` does this. The service has that
   * workflow with FOLLOW, or you make it with `previewTests`. The payload then has one more property, `run`.
   */
  readonly follow?: FollowTests | undefined;
  /**
   * Name of the variable with the GitHub token for both repositories. Without it, the service's credentials are used.
   */
  readonly githubToken?: string;
  /** The same for a GitHub App: `BOT` stands for the variables BOT_ID and BOT_PRIVATE_KEY. */
  readonly githubApp?: string;
  /** Name of the variable with the token that callers send. Without it, callers send one of AUTH_TOKENS. */
  readonly token?: string;
};

const DEFAULTS = {
  name: "environment-ready",
  path: "/dispatch",
  valuesPaths: ["configs/pr/light/{application}/values.yaml", "configs/pr/heavy/{application}/values.yaml"],
  tagKey: "global.config.DEPLOYMENT_TAG",
  eventType: "environment_ready",
  applicationPrefix: "pr-",
  verifyCommit: false,
  dedupeSeconds: 0,
  payload: (found: { application: string; commitHash: string }): { readonly [key: string]: Json } => ({
    commitHash: found.commitHash,
    sourceName: found.application,
  }),
};

/**
 * Runs when a preview environment is deployed. It reads the commit from the environment's values file and sends it to
 * the target repository, whose workflow then tests exactly that commit.
 */
export function environmentReady(given: EnvironmentReadyOptions) {
  const options = { ...DEFAULTS, ...given };
  const isPreview = (application: string) => application.startsWith(options.applicationPrefix);

  const workflow = defineWorkflow({
    name: options.name,
    repository: options.targetRepo,
    ...(options.githubToken === undefined ? {} : { githubToken: options.githubToken }),
    ...(options.githubApp === undefined ? {} : { githubApp: options.githubApp }),
    on: {
      http: {
        path: options.path,
        ...(options.token === undefined ? {} : { token: options.token }),
        body: bodySchema(isPreview, options.valuesPaths),
        tokenField: "github_token",
        reject: ({ application }, { hasToken }) =>
          isPreview(application) && !hasToken
            ? "No GitHub token: set GITHUB_TOKEN or a GitHub App for the service, or send github_token in the request."
            : undefined,
        methodHint:
          "ArgoCD sends GET when the key under `webhook` in its template is not the name of the service " +
          "(service.webhook.<name>): use the same name in both.",
      },
    },
    concurrency: ({ body }) => body.application,
    labels: ({ body }) => body,
    async run(context) {
      const { github: given, hasOwnToken, log, repeatOf, step } = context;
      const { application, revision } = context.body;
      const justPushed = revision !== undefined;
      const github = namingSettings(given, justPushed);
      if (!isPreview(application)) {
        return skip(`application name doesn't start with '${options.applicationPrefix}'`);
      }
      const { name, deploymentRepo, targetRepo, tagKey } = options;
      const ref = revision ?? options.deploymentRef;
      // A later report would have no token.
      const follow = hasOwnToken ? undefined : options.follow;
      if (follow !== options.follow) log.info("the request brought a GitHub token: the tests are not followed");

      async function readCommit(at = ref) {
        const paths = options.valuesPaths.map((template) => template.replaceAll("{application}", () => application));
        const file = await github.firstFile(deploymentRepo, paths, {
          ref: at,
          beforeWritingTo: targetRepo,
          justPushed,
        });
        if (!file) {
          throw notFound(
            {
              tried: `looking up ${application} in ${deploymentRepo}${ref ? ` at ${ref}` : ""}`,
              happened: `there is no ${paths.join(" and no ")}`,
              remedy: "Check the application's name, DEPLOYMENT_REPO, VALUES_PATHS, and the branch (DEPLOYMENT_REF).",
            },
            justPushed,
          );
        }
        const where = `${file.path} in ${deploymentRepo}${ref ? ` at ${ref}` : ""}`;
        const commitHash = revisionIn(scalarAt(file.text, tagKey, where), `${tagKey} from ${where}`);
        return { commitHash, where, path: file.path };
      }
      // Keep what was sent: after a lost answer, the run looks for the same event, even if the file has changed.
      const read = () => readAtCommit(context, { repository: deploymentRepo, ref }, readCommit);
      const { commitHash, where, path, at }: Read = follow ? await step("read", read) : await readCommit();

      if (options.verifyCommit && !(await github.hasCommit(targetRepo, commitHash))) {
        throw new PermanentFailure({
          tried: `verifying the commit of ${application}`,
          happened: `${targetRepo} has no commit ${shown(commitHash)}, the value of ${tagKey} in ${where}`,
          remedy:
            `Push that commit to ${targetRepo} or fix the file. VERIFY_COMMIT accepts a hash or a tag, not a branch. ` +
            "VERIFY_COMMIT=false dispatches without this check.",
        });
      }
      if (options.dedupeSeconds > 0) {
        const earlier = await repeatOf(`${targetRepo} ${application} ${commitHash}`, options.dedupeSeconds);
        if (earlier) {
          return skip(
            `${commitHash} was dispatched for ${application} by run ${earlier} within ${options.dedupeSeconds} s`,
          );
        }
      }
      const { eventType, targetWorkflow } = options;
      const event = {
        repository: targetRepo,
        eventType,
        targetWorkflow,
        payload: options.payload({ application, commitHash }),
      };
      if (!follow) await send(github, event);
      else {
        const values = { repository: deploymentRepo, path, ...(at !== undefined && { commit: at }) };
        const tests = { workflow: name, application, commit: commitHash, values, event };
        const under = await startTests(context, github, follow, tests);
        if (under)
          return skip(`the tests of ${commitHash} for ${application} are under way: run ${under} follows them`);
      }
      return { commitHash, sourceName: application };
    },
  });
  const applications: Applications = { prefix: options.applicationPrefix, follows: options.follow !== undefined };
  Object.assign(workflow, { [APPLICATIONS]: applications });
  return workflow;
}

/** What pages show about the applications of a workflow made by `environmentReady`. */
type Applications = {
  /** The prefix of the applications that are dispatched. */
  readonly prefix: string;
  /** Whether their tests are followed. */
  readonly follows: boolean;
};

/** A copy of the workflow (`{ ...workflow, on }`) has it too. */
const APPLICATIONS = Symbol("applications");

/** Undefined for any other workflow. */
export function applicationsOf(workflow: object): Applications | undefined {
  return (workflow as { readonly [APPLICATIONS]?: Applications })[APPLICATIONS];
}

/** The commit of an environment, and where it was found. */
type Read = { readonly commitHash: string; readonly where: string; readonly path: string; readonly at?: string };

/**
 * The parts of GitHub used here. Copying all of `GitHub` would create Octokit's names for each dispatch, which are
 * normally created on demand.
 */
type Used = Pick<GitHub, "request" | "hasCommit" | "runWorkflow" | "firstFile" | "dispatch">;

/** GitHub with failures that name the setting or field with the wrong value. */
function namingSettings(github: GitHub, justPushed: boolean): Used {
  const naming = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    try {
      return await work();
    } catch (error) {
      const { facts: given, http } = error as PermanentFailure;
      if (given?.about === undefined) throw error;
      const facts = { ...given, remedy: `${given.remedy} ${WHERE[given.about]}` };
      throw given.about === "ref" ? notFound(facts, justPushed) : new PermanentFailure(facts, http);
    }
  };
  const { request, hasCommit, runWorkflow } = github;
  return {
    request,
    hasCommit,
    runWorkflow,
    firstFile: (...file) => naming(() => github.firstFile(...file)),
    dispatch: ((...event: Parameters<GitHub["dispatch"]>) =>
      naming(() => github.dispatch(...event))) as GitHub["dispatch"],
  };
}

/**
 * A revision in the request was pushed a moment ago, and GitHub may not show it everywhere yet. Two more attempts look
 * for it, after 5 s and 30 s. A missing branch in the settings is a permanent failure.
 */
function notFound(facts: PermanentFailure["facts"], justPushed: boolean): PermanentFailure | TransientFailure {
  return justPushed ? new TransientFailure(facts, { http: 404, attempts: 3 }) : new PermanentFailure(facts, 404);
}

const WHERE = {
  path: "It comes from VALUES_PATHS.",
  ref: "It comes from the request's field revision, or from DEPLOYMENT_REF.",
  "event type": "It comes from EVENT_TYPE.",
  "no run": "",
} as const;

/** Fits into a path segment of file systems and into a Kubernetes name. */
const MAX_APPLICATION_CHARACTERS = 253;

function bodySchema(isPreview: (application: string) => boolean, valuesPaths: readonly string[]) {
  const text = (expected: string, problemWith: (value: string) => string | undefined) =>
    z.string(expected).superRefine((value, context) => {
      const message = templateProblem(value) ?? problemWith(value);
      if (message) context.addIssue(message);
    });
  const application = text("must be a string", (name) =>
    isPreview(name) ? segmentProblem(name, valuesPaths) : undefined,
  ).meta({ description: "Name of the deployed application: one path segment", examples: ["pr-1234"] });
  const revision = text("must be a string or null", refProblem)
    .nullish()
    .transform((ref) => ref || undefined)
    .meta({ description: "Git ref of the deployment repository at which the values file is read" });
  return z.object({ application, revision });
}

/** ArgoCD writes an unresolved value as `<no value>` and leaves an unresolved secret as `$its-name`. */
function templateProblem(text: string): string | undefined {
  if (text.includes("<no value>")) {
    return "is '<no value>': the notification template names a field that this application does not have. Correct the template";
  }
  if (text.startsWith("$")) {
    return `is '${shown(text)}', an unresolved secret: add that key to argocd-notifications-secret`;
  }
  return undefined;
}

/** Shown whole or not at all: the first half of a token would not be recognised as a secret. */
function shown(text: string): string {
  return text.length <= MAX_SHOWN_CHARACTERS ? text : `${text.charAt(0)}… (${text.length} characters)`;
}

const MAX_SHOWN_CHARACTERS = 100;

function segmentProblem(name: string, valuesPaths: readonly string[]): string | undefined {
  if (/[/\\]/.test(name)) return "must be one path segment, without / or \\";
  if (/\p{Cc}/u.test(name)) return "must not contain control characters";
  if (!name.isWellFormed()) return "must be well-formed Unicode";
  if ([...name].length > MAX_APPLICATION_CHARACTERS) {
    return `must have at most ${MAX_APPLICATION_CHARACTERS} characters`;
  }
  const segments = valuesPaths.flatMap((template) => template.replaceAll("{application}", () => name).split("/"));
  if (segments.some((segment) => ["", ".", ".."].includes(segment))) {
    return "must not be empty, '.' or '..'";
  }
  return undefined;
}

function refProblem(ref: string): string | undefined {
  if (/\p{Cc}/u.test(ref) || !ref.isWellFormed() || ref.length > 255) {
    return "must be a git ref: at most 255 characters, none of them a control character";
  }
  return undefined;
}
