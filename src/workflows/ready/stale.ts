import { defineWorkflow, type RunContext } from "../../index.ts";
import { repoOf, repositoriesOf, scheduledOf } from "./scheduled.ts";
import { checkStaleOptions, type StaleOptions, staleRules } from "./stale-options.ts";
import { standingOf } from "./stale-rules.ts";
import { type Candidate, type Done, staleWork } from "./stale-work.ts";
import { nextPage, type Page, requireNone, threadOf, timeOf, workThrough } from "./threads.ts";

/** Not when everyone's schedules begin. */
const ONCE_A_DAY = "37 1 * * *";

/**
 * Marks issues and pull requests without activity as stale, and closes them when they stay so: the successor of
 * actions/stale, with its options. It keeps GitHub's limits, continues where it was interrupted, and comments once.
 * @throws Error that names every option that cannot be used.
 */
export function stale(options: StaleOptions = {}) {
  checkStaleOptions(options);
  const rules = staleRules(options);
  const { debugOnly = false, deleteBranch = false, operationsPerRun = Number.POSITIVE_INFINITY } = options;
  return defineWorkflow({
    ...scheduledOf("stale", options, ONCE_A_DAY),
    async run(context) {
      const { step, log, repository: its, inputs } = context;
      const isDry = debugOnly || (inputs?.dryRun ?? false);
      const done: (Done & { readonly repository: string })[] = [];
      let seen = 0;
      for (const repository of repositoriesOf(options, its)) {
        const list = await listed(context, repository, options, rules);
        seen += list.seen;
        const { look, closeWithBranch } = staleWork(context, { repository, isDry, deleteBranch, rules });
        const most = operationsPerRun - done.length;
        const looked = await workThrough(step, { name: repository, items: list.candidates, most }, look);
        // Each by itself: what is decided is known before anything is deleted.
        const due = looked.filter(({ what }) => what === "due").map(({ number }) => number);
        const all = { name: `${repository}, with branches`, items: due, most: due.length };
        const closed = await workThrough(step, all, closeWithBranch);
        const ended = [...looked.filter(({ what }) => what !== "due"), ...closed];
        done.push(...ended.map((each) => ({ ...each, repository })));
      }
      const outputs = outputsOf(done, { seen, isDry });
      if (done.length >= operationsPerRun) log.info("operationsPerRun is reached: the next run continues");
      if (options.enableStatistics ?? true) log.info("statistics", outputs.statistics);
      const failed = done.filter((each) => each.what === "failed");
      requireNone(failed, { tried: "changing stale issues and pull requests", of: done.length });
      return outputs;
    },
  });
}

/** The threads that may need something, without what only describes them: there may be thousands. */
async function listed(
  { github, step }: Pick<RunContext, "github" | "step">,
  repository: string,
  { sortBy = "created", ascending = false }: StaleOptions,
  rules: ReturnType<typeof staleRules>,
): Promise<{ seen: number; candidates: readonly Candidate[] }> {
  const candidates = new Map<number, Candidate>();
  const order = { sort: sortBy, direction: ascending ? "asc" : "desc" } as const;

  async function list(page: Page): Promise<{ seen: number; candidates: Candidate[]; next: Page | null }> {
    const open = { ...repoOf(repository), state: "open", ...order, per_page: 100, ...page } as const;
    const { data, headers } = await github.request("GET /repos/{owner}/{repo}/issues", open);
    const its = data.flatMap((issue): Candidate[] => {
      const thread = threadOf(issue);
      const { number, updatedAt, isPull } = thread;
      const { is, takeOff } = standingOf(thread, isPull ? rules.pull : rules.issue, timeOf(headers));
      return is === "due" || is === "stale" || takeOff !== undefined
        ? [{ number, updatedAt, isDue: is === "due" }]
        : [];
    });
    return { seen: data.length, candidates: its, next: nextPage(headers) ?? null };
  }

  let seen = 0;
  let page: Page | null = {};
  for (let nth = 1; page !== null; nth++) {
    const asked: Page = page;
    const its = await step(`list ${repository}, page ${nth}`, () => list(asked));
    seen += its.seen;
    // What is opened meanwhile shifts the pages.
    for (const each of its.candidates) candidates.set(each.number, candidates.get(each.number) ?? each);
    page = its.next;
  }
  return { seen, candidates: [...candidates.values()] };
}

/** So many are named in the outputs; all are counted. */
const MAX_NAMED = 1000;

function outputsOf(
  done: readonly (Done & { readonly repository: string })[],
  { seen, isDry }: { seen: number; isDry: boolean },
) {
  const are = (what: Done["what"]) => done.filter((each) => each.what === what);
  const named = (what: Done["what"]) =>
    are(what).flatMap(({ repository, number }, nth) => (nth < MAX_NAMED ? `${repository}#${number}` : []));
  return {
    ...(isDry && { dryRun: true }),
    staledIssuesPrs: named("marked"),
    unstaledIssuesPrs: named("unstaled"),
    closedIssuesPrs: named("closed"),
    statistics: {
      seen,
      marked: are("marked").length,
      unstaled: are("unstaled").length,
      closed: are("closed").length,
      failed: are("failed").length,
    },
  };
}
