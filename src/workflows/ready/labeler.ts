import * as z from "zod";
import { defineWorkflow, PermanentFailure, type Repo, type RunContext, skip } from "../../index.ts";
import { ownerAndName, REPOSITORY_NAME } from "../../model/github-names.ts";
import { bounds, MAX_READING_MS } from "./bounded.ts";
import { type LabelerFile, readLabelerFile } from "./labeler-file.ts";
import { allMatch, changesOf, type Glob, globsOf } from "./labeler-rules.ts";
import { aRepository, type CommonOptions, checkOptions, commonOf, type NoneOf, text, yesOrNo } from "./options.ts";
import { PULL_EVENT_CHECKS, type PullEventOptions, type PullWorkflow, titleOfPull } from "./pull-events.ts";

/** `actions` are opened, synchronize and reopened by default. */
export type LabelerOptions = CommonOptions &
  PullEventOptions & {
    /** Path of the file with the rules. `.github/labeler.yml` by default. */
    readonly configurationPath?: string;
    /** The repository with that file, `owner/name`. The pull request's repository by default. */
    readonly configurationRepository?: string;
    /** Removes a label of the file when nothing matches it any more. */
    readonly syncLabels?: boolean;
    /** Whether `*` and `**` match names that begin with a dot, such as `.github`. True by default. */
    readonly dot?: boolean;
  } & NoneOf<typeof REJECTED>;

type ByNumbers = { pullRequests: number[]; repository?: string | undefined };

const REJECTED = {
  repoToken: "githubToken names the variable with the token",
  prNumber: 'start it by hand, or from another workflow: runs.start("labeler", { pullRequests: [1, 2, 3] })',
} as const;

/**
 * Labels pull requests by the paths that they change and by their branches, as actions/labeler does. It reads the same
 * `.github/labeler.yml`, from the target branch of the pull request. A person or another workflow can start it for pull
 * requests by their numbers.
 */
export function labeler(options: LabelerOptions = {}): PullWorkflow<"github" | "manual" | "call", ByNumbers> {
  checkOptions(
    "labeler",
    options,
    {
      ...PULL_EVENT_CHECKS,
      configurationPath: text,
      configurationRepository: aRepository,
      syncLabels: yesOrNo,
      dot: yesOrNo,
    },
    REJECTED,
  );
  const { actions = ["opened", "synchronize", "reopened"], filter = () => true } = options;
  const inputs = z.object({
    pullRequests: z.array(z.number().int().positive()).min(1),
    repository: z.string().regex(REPOSITORY_NAME).optional(),
  });
  return defineWorkflow({
    ...commonOf("labeler", options),
    on: {
      github: { events: "pull_request", actions, filter },
      manual: { inputs, description: "Labels pull requests, which are given by their numbers" },
      call: { inputs },
    },
    // Two runs for one pull request would not see each other's labels.
    concurrency: ({ repository, pull }) => (pull === undefined ? undefined : `${repository}#${pull}`),
    title: ({ event }) => titleOfPull(event),
    labels: ({ repository, pull }) => ({ repository, pull: pull?.toString() }),
    async run({ inputs, pull, ...context }) {
      if (pull !== undefined) {
        const outcome = await labelPull(context, context.repo, pull, options);
        return typeof outcome === "string" ? skip(outcome) : outcome;
      }
      const repo = ownerAndName(inputs?.repository ?? context.repository);
      const pullRequests = [];
      for (const number of new Set(inputs?.pullRequests)) {
        const outcome = await labelPull(context, repo, number, options);
        pullRequests.push({ number, ...(typeof outcome === "string" ? { skipped: outcome } : outcome) });
      }
      return { pullRequests };
    },
  });
}

/** Names of labels, or why the pull request is left alone. */
async function labelPull(context: RunContext, repo: Repo, number: number, options: LabelerOptions) {
  const { github, step, log } = context;
  const plan = await step(`rules for #${number}`, () => planOf(context, repo, number, options));
  if (typeof plan === "string") return plan;
  const { has, add, remove } = plan;
  const issue = { ...repo, issue_number: number };
  if (add.length > 0) {
    await step(`add labels to #${number}`, async () => {
      await github.request("POST /repos/{owner}/{repo}/issues/{issue_number}/labels", { ...issue, labels: [...add] });
      log.info(`labels added to #${number}: ${add.join(", ")}`);
    });
  }
  for (const name of remove) {
    await step(`remove ${name} from #${number}`, async () => {
      const route = "DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}";
      await github.request(route, { ...issue, name }, { allow: [404] });
      log.info(`label removed from #${number}: ${name}`);
    });
  }
  return { newLabels: add, allLabels: [...has.filter((label) => !remove.includes(label)), ...add] };
}

/** Reads the present pull request and decides once. An attempt that continues later does the rest. */
async function planOf(context: RunContext, repo: Repo, number: number, options: LabelerOptions) {
  const { github, log } = context;
  const { configurationPath: path = ".github/labeler.yml", syncLabels = false } = options;
  const found = await github.request(
    "GET /repos/{owner}/{repo}/pulls/{pull_number}",
    { ...repo, pull_number: number },
    { allow: [404] },
  );
  if (found.status === 404) return `there is no pull request ${number} in ${repo.owner}/${repo.repo}`;
  const pull = found.data;
  const files = await github.paginate(
    "GET /repos/{owner}/{repo}/pulls/{pull_number}/files",
    { ...repo, pull_number: number },
    ({ data }) => data.map(({ filename }) => filename),
  );
  if (files.length === 0) return `#${number} has no changed files`;

  const repository = options.configurationRepository ?? `${repo.owner}/${repo.repo}`;
  const ref = options.configurationRepository === undefined ? pull.base.ref : undefined;
  const place = `${path} of ${repository}${ref === undefined ? "" : ` at ${ref}`}`;
  const text = await github.readFile(repository, path, { ref });
  if (text === undefined) return `there is no ${place}`;
  const file = await readFile(place, text);
  for (const note of file.ignored) log.warn(`${place}, ${note}`);

  const has = pull.labels.map(({ name }) => name);
  const looked = { files, base: pull.base.ref, head: pull.head.ref, labels: has };
  const matching = new Set<string>();
  const compile = await globCompiler(options.dot ?? true);
  const { bounded, boundedEach } = bounds();
  for (const [label, rules] of file.labels) {
    const tried = `matching the rules for ${label} in ${place}`;
    const patterns = globsOf(rules);
    const matched = new Map<string, Set<string>>();
    let compiled: ReturnType<Glob> | undefined;
    await boundedEach(tried, patterns.length * files.length, (nth) => {
      const pattern = patterns[Math.floor(nth / files.length)] ?? "";
      const name = files[nth % files.length] ?? "";
      if (nth % files.length === 0) {
        compiled = compile(pattern);
        matched.set(pattern, new Set());
      }
      if (compiled?.match(name)) matched.get(pattern)?.add(name);
    });
    const glob: Glob = (pattern) => ({ match: (name) => matched.get(pattern)?.has(name) ?? false });
    if (await bounded(tried, () => allMatch(rules, looked, glob))) matching.add(label);
  }
  const { excess, held, ...changes } = changesOf(file, looked, { syncLabels, matches: (label) => matching.has(label) });
  if (held !== undefined) log.info(`labels by paths of #${number} stay unchanged: ${held}`);
  if (excess.length > 0) log.warn(`a pull request can have up to 100 labels, left out: ${excess.join(", ")}`);
  return { has, ...changes };
}

async function readFile(place: string, text: string): Promise<LabelerFile> {
  const yaml = await import("js-yaml");
  const tried = `reading ${place}`;
  try {
    return await bounds().bounded(tried, () => readLabelerFile(text, yaml), MAX_READING_MS);
  } catch (cause) {
    if (cause instanceof PermanentFailure) throw cause;
    const remedy = "Correct the file on that branch; its format is in https://github.com/actions/labeler#match-object.";
    throw new PermanentFailure({ tried, happened: (cause as Error).message, remedy, cause });
  }
}

/** Braces stand for several patterns. {a..z}{a..z}{a..z}{a..z} stands for 456,976, which take 300 MB. */
const MAX_PATTERNS = 5000;

/** Compiles path patterns as actions/labeler does. */
async function globCompiler(dot: boolean): Promise<Glob> {
  const { braceExpand, Minimatch } = await import("minimatch");
  let left = MAX_PATTERNS;
  return (pattern) => {
    // Counted before compiling, which may take longer than the limit for one pattern.
    left -= braceExpand(pattern, { braceExpandMax: left + 1 }).length;
    if (left >= 0) return new Minimatch(pattern, { dot });
    const happened = `the file expands to more than ${MAX_PATTERNS} patterns`;
    throw new PermanentFailure({ tried: `compiling ${pattern}`, happened, remedy: "Use fewer braces." });
  };
}
