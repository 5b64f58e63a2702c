import { defineWorkflow, type Repo, type RunContext, skip, TransientFailure, type WebhookEvent } from "../../index.ts";
import { lookedUp } from "./auto-merge-lookups.ts";
import { type AutoMergeRules, foreignness, unmet } from "./auto-merge-rules.ts";
import { bounds } from "./bounded.ts";
import { DEPENDENCY_TYPES, type DependabotMetadata, metadataOf, UPDATE_TYPES } from "./dependabot.ts";
import { approve, type Merge, type MergeMethod, mergePull, takeBack } from "./merging.ts";
import {
  aFunction,
  type CommonOptions,
  checkOptions,
  commonOf,
  type NoneOf,
  oneOf,
  someOf,
  texts,
  yesOrNo,
} from "./options.ts";
import { PULL_EVENT_CHECKS, type PullEventOptions, type PullWorkflow, titleOfPull } from "./pull-events.ts";

/** `actions` by default: opened, synchronize, reopened and ready_for_review. With `labels` also labeled. */
export type AutoMergeOptions = CommonOptions &
  PullEventOptions &
  AutoMergeRules & {
    /** `"merge"` by default, `"squash"` or `"rebase"`. */
    readonly mergeMethod?: MergeMethod;
    /** Approves the pull request first. False by default, like all options below without another default. */
    readonly approve?: boolean;
    /** The authors whose pull requests are merged. By default only Dependabot: `["dependabot[bot]"]`. */
    readonly authors?: readonly string[];
    /** Only pull requests with one of these labels. */
    readonly labels?: readonly string[];
    /**
     * True by default: GitHub's auto-merge merges the pull request, even if a later commit was added. False: the run
     * waits until all checks have passed, and merges the commit that it has examined.
     */
    readonly useAutoMerge?: boolean;
    /**
     * The last check. If it returns false, the pull request is left alone. Authors other than Dependabot may provide no
     * metadata.
     */
    readonly when?: (
      metadata: DependabotMetadata | undefined,
      pull: WebhookEvent<"pull_request">["payload"],
    ) => boolean | Promise<boolean>;
    /** Looks up the security alert that the update resolves: `alertState`, `ghsaId` and `cvss`. */
    readonly alertLookup?: boolean;
    /** Looks up how many times the tests of others have passed after the same update: `compatibilityScore`. */
    readonly compatLookup?: boolean;
    /** Accepts commits that GitHub has not verified, as on GitHub Enterprise Server. */
    readonly skipCommitVerification?: boolean;
    /** Does not check the author or the commits. Then anyone who can push to the branch can merge. */
    readonly skipVerification?: boolean;
  } & NoneOf<typeof REJECTED>;

const REJECTED = {
  token: "githubToken names the variable with the token",
  repository: "it acts on every repository whose webhook sends to the service; filter leaves some out",
  pullRequestNumber: "it acts on the pull request of the event",
} as const;

const DEPENDABOT = "dependabot[bot]";

/**
 * Merges Dependabot's pull requests as soon as their checks have passed. It does what dependabot/fetch-metadata and `gh
 * pr merge --auto`, or peter-evans/enable-pull-request-automerge, do together. All commits must be Dependabot's. If
 * someone pushes another commit later, auto-merge is switched off again.
 */
export function autoMerge(options: AutoMergeOptions = {}): PullWorkflow {
  checkOptions("autoMerge", options, CHECKS, REJECTED);
  const { authors = [DEPENDABOT], skipVerification = false, labels, filter = () => true } = options;
  const onLabels = labels === undefined ? [] : (["labeled"] as const);
  const { actions = ["opened", "synchronize", "reopened", "ready_for_review", ...onLabels] } = options;
  return defineWorkflow({
    ...commonOf("auto-merge", options),
    on: {
      github: {
        events: "pull_request",
        actions,
        filter: (event) =>
          (skipVerification || authors.includes(event.payload.pull_request.user?.login ?? "")) && filter(event),
      },
    },
    // A newer commit replaces the wait for an older one.
    concurrency: { group: ({ repository, pull }) => `${repository}#${pull}`, cancelRunning: true },
    title: ({ event }) => titleOfPull(event),
    labels: ({ repository, pull }) => ({ repository, pull: pull.toString() }),
    async run({ event, pull: number, ...context }) {
      const { repo, step } = context;
      const verdict = await step("verification", () => verdictOf(context, event.payload, number, options));
      if ("no" in verdict) {
        if (verdict.isForeign) await takeBack(context, repo, { number, nodeId: verdict.nodeId, why: verdict.no });
        return skip(verdict.no);
      }
      const { mergeMethod: method = "merge", useAutoMerge = true } = options;
      const merge: Merge = { ...verdict, number, method, useAutoMerge };
      if (options.approve) await step("approval", () => approve(context, repo, merge));
      const result = await mergePull(context, repo, merge);
      const { dependencyNames = [], updateType = null } = verdict.metadata ?? {};
      return typeof result === "string" ? skip(result) : { ...result, dependencyNames, updateType };
    },
  });
}

type Verdict =
  | { readonly head: string; readonly nodeId: string; readonly metadata: DependabotMetadata | null }
  | { readonly no: string; readonly nodeId: string; readonly isForeign?: boolean };

/**
 * Decides whether to merge the pull request in its present state. A commit that is added later does not change the
 * decision about this one.
 */
async function verdictOf(
  context: RunContext,
  payload: WebhookEvent<"pull_request">["payload"],
  number: number,
  options: AutoMergeOptions,
): Promise<Verdict> {
  const { github, repo } = context;
  const { authors = [DEPENDABOT], labels, skipVerification = false, when = () => true } = options;
  const where = { ...repo, pull_number: number };
  const { data: pull } = await github.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", where);
  const nodeId = pull.node_id;
  const no = (why: string): Verdict => ({ no: why, nodeId });
  if (pull.state !== "open") return no(`the pull request is ${pull.merged ? "merged" : "closed"}`);
  if (pull.draft) return no("the pull request is a draft");
  const author = pull.user.login;
  if (!skipVerification && !authors.includes(author)) return no(`the pull request is by ${author}`);
  if (labels && !pull.labels.some(({ name }) => labels.includes(name)))
    return no(`it has none of ${labels.join(", ")}`);

  const commits = await commitsOf(context, repo, number);
  if (!skipVerification) {
    const foreign =
      commits.length >= MAX_COMMITS
        ? `GitHub lists no more than ${MAX_COMMITS} commits`
        : commits.map((commit) => foreignness(commit, author, options)).find((why) => why !== undefined);
    if (foreign !== undefined) return { no: foreign, nodeId, isForeign: true };
    if (!commits.some(({ sha }) => sha === pull.head.sha)) {
      const happened = "a commit was added in between";
      throw new TransientFailure({
        tried: `looking at #${number}`,
        happened,
        remedy: "Nothing to do: gh-runner retries the run.",
      });
    }
  }
  const found = {
    ...{ message: commits[0]?.message ?? "", title: pull.title, body: pull.body ?? "" },
    ...{ head: pull.head.ref, base: pull.base.ref },
  };
  const yaml = await import("js-yaml");
  const readYaml = (text: string) => yaml.load(text, { schema: yaml.FAILSAFE_SCHEMA });
  const read = await bounds().bounded("reading the metadata of Dependabot", () => metadataOf(found, readYaml));
  if (read === undefined && author === DEPENDABOT) return no("Dependabot's commit has no metadata");
  const why = unmet(read, options);
  if (why !== undefined) return no(why);
  const metadata = read && (await lookedUp(context, repo, read, options));
  if (!(await when(metadata, payload))) return no("`when` returned false");
  return { head: pull.head.sha, nodeId, metadata: metadata ?? null };
}

/** @see https://docs.github.com/en/rest/pulls/pulls#list-commits-on-a-pull-request */
const MAX_COMMITS = 250;

async function commitsOf({ github }: RunContext, repo: Repo, number: number) {
  const where = { ...repo, pull_number: number };
  return github.paginate("GET /repos/{owner}/{repo}/pulls/{pull_number}/commits", where, ({ data }) =>
    data.map(({ sha, author, committer, commit: { message, verification } }) => ({
      ...{ sha, message, author: author?.login, committer: committer?.login },
      isVerified: verification?.verified ?? false,
    })),
  );
}

const CHECKS = {
  ...PULL_EVENT_CHECKS,
  updateTypes: someOf(UPDATE_TYPES),
  dependencyTypes: someOf(DEPENDENCY_TYPES),
  dependencyNames: texts,
  packageEcosystems: texts,
  dependencyGroups: texts,
  mergeMethod: oneOf(["merge", "squash", "rebase"]),
  approve: yesOrNo,
  authors: texts,
  labels: texts,
  useAutoMerge: yesOrNo,
  when: aFunction,
  alertLookup: yesOrNo,
  compatLookup: yesOrNo,
  skipCommitVerification: yesOrNo,
  skipVerification: yesOrNo,
};
