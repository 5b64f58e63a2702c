import * as z from "zod";
import { defineWorkflow, type GitHub, type Json, PermanentFailure, skip, TransientFailure } from "../index.ts";
import { revisionIn } from "./git-revision.ts";
import type { FollowTests } from "./preview-input.ts";
import { readAtCommit, send, startTests } from "./start-tests.ts";
import { scalarAt } from "./values-file.ts";

/** What one deployment/target pair needs to know. Repositories are `owner/name`. */
export type EnvironmentReadyOptions = {
  /** Unique in a service: "environment-ready" without it. */
  readonly name?: string;
  /** Where ArgoCD sends to: "/dispatch" without it. */
  readonly path?: string;
  /** Holds the values files. */
  readonly deploymentRepo: string;
  /** Receives the event. */
  readonly targetRepo: string;
  /** Git ref at which values files are read when the caller names no revision; else the default branch. */
  readonly deploymentRef?: string | undefined;
  /** Paths with `{application}` in them; the first that exists wins. */
  readonly valuesPaths?: readonly string[];
  /** Dotted path to the commit hash inside the values file: "global.config.DEPLOYMENT_TAG" without it. */
  readonly tagKey?: string;
  /** 1 to 100 characters: "environment_ready" without it. */
  readonly eventType?: string;
  /** Applications whose names do not start so are skipped: "pr-" without it, none with "". */
  readonly applicationPrefix?: string;
  /** Before it is dispatched the target repository must have the commit, by hash or tag; it is not looked up without it. */
  readonly verifyCommit?: boolean;
  /** Within so many seconds the same commit for the same application is skipped; 0 or nothing: never. */
  readonly dedupeSeconds?: number;
  /** What the event carries, at most 10 properties: `{ commitHash, sourceName }` without it. */
  readonly payload?: (found: { application: string; commitHash: string }) => { readonly [key: string]: Json };
  /**
   * Starts this workflow of the target repository (`workflow_dispatch`) instead of sending an event: `tests.yml`, or
   * `tests.yml@REF` for another ref than the default branch. Its inputs are what the event would carry.
   */
  readonly targetWorkflow?: string | undefined;
  /**
   * Follows the tests until they end, and reports the result: a run of `preview-tests` does it, a workflow that the service
   * has with FOLLOW, or that is made with `previewTests`. The payload then has one more property, `run`.
   */
  readonly follow?: FollowTests | undefined;
  /** Name of the variable with the GitHub token for both repositories; the service's own credentials without it. */
  readonly githubToken?: string;
  /** The same for a GitHub App: `BOT` names the variables BOT_ID and BOT_PRIVATE_KEY. */
  readonly githubApp?: string;
  /** Name of the variable with the token that callers bring; one of AUTH_TOKENS without it. */
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
 * A preview environment is deployed: reads the commit out of its values file and tells the target repository, whose
 * workflow then tests exactly that commit.
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
        refuse: ({ application }, { hasToken }) =>
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
      // What would report later has no token then.
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
      // What is kept is what was sent: after a lost answer the same event is looked for, also when the file has changed.
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
  made.set(workflow, { prefix: options.applicationPrefix, follows: options.follow !== undefined });
  return workflow;
}

/** What pages show of the applications of a workflow that `environmentReady` has made. */
type Applications = {
  /** What the names of those begin with that are dispatched. */
  readonly prefix: string;
  /** Whether their tests are followed. */
  readonly follows: boolean;
};

const made = new WeakMap<object, Applications>();

/** Undefined for any other workflow. */
export function applicationsOf(workflow: object): Applications | undefined {
  return made.get(workflow);
}

/** The commit of an environment, and where it stands. */
type Read = { readonly commitHash: string; readonly where: string; readonly path: string; readonly at?: string };

/** What is used here; a copy of all would make Octokit's names for each dispatch, which are made when they are asked for. */
type Used = Pick<GitHub, "request" | "hasCommit" | "runWorkflow" | "firstFile" | "dispatch">;

/** GitHub, with failures that name the setting or field which holds what is wrong. */
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
 * A revision that the request names was pushed a moment ago, and GitHub may not show it everywhere yet: two later
 * attempts look for it, 5 s and 30 s after. A branch that the settings name is missing for good.
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

/** Keeps a path segment within what file systems and Kubernetes names allow. */
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
    return "is '<no value>': the notification template names a field that this application does not have";
  }
  if (text.startsWith("$")) {
    return `is '${shown(text)}', an unresolved secret: add that key to argocd-notifications-secret`;
  }
  return undefined;
}

/** Whole or not at all: the first half of a token would not be recognised as one. */
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
