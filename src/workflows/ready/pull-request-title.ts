import { defineWorkflow, fail, type Repo, type ReportOption, type RunContext, skip } from "../../index.ts";
import { bounds } from "./bounded.ts";
import {
  type Check,
  type CommonOptions,
  checkOptions,
  commonOf,
  type NoneOf,
  text,
  texts,
  yesOrNo,
} from "./options.ts";
import { PULL_EVENT_CHECKS, type PullEventOptions, titleOfPull } from "./pull-events.ts";
import { type Pattern, problemOf, type TitleProblem, type TitleRules, titleOf } from "./title-rules.ts";

/** `actions` by default: opened, reopened, edited and synchronize. With `ignoreLabels` also labeled and unlabeled. */
export type PullRequestTitleOptions = CommonOptions &
  PullEventOptions &
  Omit<TitleRules, Listed> & {
    /** By default: feat, fix, docs, style, refactor, perf, test, build, ci, chore, revert. */
    readonly types?: Lines;
    /** Which scopes are allowed. All by default. */
    readonly scopes?: Lines;
    readonly disallowScopes?: Lines;
    /**
     * What the groups of `headerPattern` mean. `["type", "scope", "subject"]` by default. Named groups need no entry.
     */
    readonly headerPatternCorrespondence?: string | readonly string[];
    /** A pull request with one of these labels is not checked. */
    readonly ignoreLabels?: string | readonly string[];
    /**
     * Also checks the message of a pull request's only commit like the title: GitHub uses that message for a squash
     * merge.
     */
    readonly validateSingleCommit?: boolean;
    /** With `validateSingleCommit`: the message must also equal the title. */
    readonly validateSingleCommitMatchesPrTitle?: boolean;
    /** A title that begins with "[WIP] " is not checked. Until then, a status of the commit stays pending. */
    readonly wip?: boolean;
    /**
     * How the result is shown on the commit: `"status"`, or `"check"`, which needs a GitHub App. `"status"` by default.
     */
    readonly report?: ReportOption;
  } & NoneOf<typeof REJECTED>;

type Listed = "types" | "scopes" | "disallowScopes" | "headerPatternCorrespondence";

/** Words and regular expressions, each of which must match as a whole: a list, or text with one per line. */
type Lines = string | readonly Pattern[];

const REJECTED = {
  githubBaseUrl: "GITHUB_API_URL of the service says where GitHub is",
} as const;

/** Name of the status that `wip` adds. Rulesets of the action's users already contain this name. */
const WIP_CONTEXT = "action-semantic-pull-request";

/**
 * Checks that titles of pull requests follow Conventional Commits, as amannn/action-semantic-pull-request does. A merge
 * queue's commit passes: the titles of its pull requests have already been checked.
 */
export function pullRequestTitle(options: PullRequestTitleOptions = {}) {
  checkOptions("pullRequestTitle", options, CHECKS, REJECTED);
  const { wip = false, report = "status", filter = () => true } = options;
  const rules = rulesOf(options);
  const ignoreLabels = listOf(options.ignoreLabels, "\n") ?? [];
  const onLabels = ignoreLabels.length > 0 ? (["labeled", "unlabeled"] as const) : [];
  const { actions = ["opened", "reopened", "edited", "synchronize", ...onLabels] } = options;
  return defineWorkflow({
    ...commonOf("pull-request-title", options),
    on: {
      github: [
        { events: "pull_request", actions, filter },
        { events: "merge_group", actions: ["checks_requested"] },
      ],
    },
    report,
    title: ({ event: { payload } }) => titleOfPull({ payload: "pull_request" in payload ? payload : {} }),
    labels: ({ repository, pull }) => ({ repository, pull: pull?.toString() }),
    async run({ pull, ...context }) {
      const { github, repo, step } = context;
      if (pull === undefined) {
        context.report({ title: "The titles have already been checked" });
        return { mergeGroup: true };
      }
      // A re-run checks the present title.
      const { data } = await github.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", {
        ...repo,
        pull_number: pull,
      });
      const ignored = data.labels.find(({ name }) => ignoreLabels.includes(name));
      if (ignored) return skip(`the pull request has the label ${ignored.name}`);

      const isWip = wip && /^\[WIP\]\s/.test(data.title);
      const problem = isWip
        ? undefined
        : await problemOfPull(context, repo, { number: pull, title: data.title }, rules);
      if (wip) {
        const state = isWip || problem ? "pending" : "success";
        const description = isWip ? "Work in progress" : (problem?.title ?? "Ready for review");
        const status = {
          repository: context.repository,
          sha: data.head.sha,
          context: WIP_CONTEXT,
          state,
          description,
        } as const;
        await step("status of the work in progress", () => github.status(status));
      }
      if (isWip) return skip("the title says that it is work in progress");
      if (problem) {
        context.report(problem);
        return fail(`${problem.title}: ${data.title}`);
      }
      const title = titleOf(data.title, rules);
      context.report({ title: title.scope === null ? `${title.type}` : `${title.type}(${title.scope})` });
      return title;
    },
  });
}

async function problemOfPull(
  { github }: RunContext,
  repo: Repo,
  { number, title }: { readonly number: number; readonly title: string },
  options: AllRules,
): Promise<TitleProblem | undefined> {
  const checked = (text: string) => bounds().bounded("checking the title", () => problemOf(text, options));
  const problem = await checked(title);
  if (problem || !options.validateSingleCommit) return problem;
  const commits = await github.paginate(
    "GET /repos/{owner}/{repo}/pulls/{pull_number}/commits",
    { ...repo, pull_number: number },
    ({ data }, done) => {
      // GitHub does not count merge commits when it chooses the message.
      const messages = data.filter(({ parents }) => parents.length < 2).map(({ commit }) => commit.message);
      if (messages.length > 1) done();
      return messages;
    },
  );
  const [message, ...others] = commits;
  if (message === undefined || others.length > 0) return undefined;
  const [line = ""] = message.split("\n");
  const why = "for a squash merge, GitHub uses the message of the only commit, not the title";
  const what = "Amend the message, or add another commit.";
  if (await checked(message)) {
    return {
      title: "The only commit's message does not follow the rules for titles",
      summary: `"${line}": ${why}. ${what}`,
    };
  }
  if (!options.validateSingleCommitMatchesPrTitle || line === title) return undefined;
  return {
    title: "The only commit's message is not the title",
    summary: `"${line}" is not "${title}": ${why}. ${what}`,
  };
}

type AllRules = TitleRules &
  Pick<PullRequestTitleOptions, "validateSingleCommit" | "validateSingleCommitMatchesPrTitle">;

function rulesOf(options: PullRequestTitleOptions): AllRules {
  const { types, scopes, disallowScopes, headerPatternCorrespondence, ...others } = options;
  const lists = {
    types: listOf<Pattern>(types, "\n"),
    scopes: listOf<Pattern>(scopes, "\n"),
    disallowScopes: listOf<Pattern>(disallowScopes, "\n"),
    headerPatternCorrespondence: listOf(headerPatternCorrespondence, ","),
  };
  return { ...others, ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list !== undefined)) };
}

/** A list, or text as in the action's file with one entry per line or between commas. */
function listOf<Item>(given: string | readonly Item[] | undefined, separator: string) {
  if (typeof given !== "string") return given;
  // An input that is empty is one that is not given.
  if (given.trim() === "") return undefined;
  return given.split(separator).flatMap((part) => part.trim() || []) as readonly (Item | string)[] as readonly Item[];
}

const pattern: Check = (value) => (isPattern(value) ? undefined : "a regular expression, such as /^[a-z].*$/");
const patterns: Check = (value) => {
  const list = typeof value === "string" ? (listOf<Pattern>(value, "\n") ?? []) : value;
  return Array.isArray(list) && list.every(isPattern)
    ? undefined
    : 'a list of words or regular expressions, such as ["fix", "feat"]';
};
const namesOrText: Check = (value) => (typeof value === "string" ? undefined : texts(value));
const report: Check = (value) =>
  value === "check" || value === "status" || (typeof value === "object" && value !== null)
    ? undefined
    : '"check", "status" or { as: "check", name: "Validate PR title" }';

const CHECKS = {
  ...PULL_EVENT_CHECKS,
  types: patterns,
  scopes: patterns,
  requireScope: yesOrNo,
  disallowScopes: patterns,
  subjectPattern: pattern,
  subjectPatternError: text,
  headerPattern: pattern,
  headerPatternCorrespondence: namesOrText,
  ignoreLabels: namesOrText,
  validateSingleCommit: yesOrNo,
  validateSingleCommitMatchesPrTitle: yesOrNo,
  wip: yesOrNo,
  report,
};

function isPattern(value: unknown): boolean {
  if (value instanceof RegExp) return true;
  if (typeof value !== "string" || value === "") return false;
  try {
    return new RegExp(value) instanceof RegExp;
  } catch {
    return false;
  }
}
