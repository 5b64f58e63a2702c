import { defineWorkflow, type RunContext } from "../../index.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { repositoriesOf, scheduledOf } from "./scheduled.ts";
import { checkStaleOptions, type StaleOptions, type StalePolicy, staleRules } from "./stale-options.ts";
import { standingOf } from "./stale-rules.ts";
import { type Candidate, type Done, staleWork } from "./stale-work.ts";
import { forEachOf, nextPage, type Page, requireNone, threadOf, timeOf, workThrough } from "./threads.ts";

/** At a minute when few other schedules start. */
const ONCE_A_DAY = "37 1 * * *";

/**
 * Marks inactive issues and pull requests as stale, and closes them if they stay inactive. It replaces actions/stale
 * and has its options. It obeys GitHub's limits, continues after an interruption, and comments once.
 * @param more additional policies, such as one for questions. Each corresponds to another step with the action, and
 *   they run one after the other.
 * @throws Error that names every option that cannot be used.
 */
export function stale(options: StaleOptions = {}, ...more: readonly StalePolicy[]) {
  checkStaleOptions(options, more);
  const policies = [options, ...more];
  return defineWorkflow({
    ...scheduledOf("stale", options, ONCE_A_DAY),
    async run(context) {
      const { log, repository: its, inputs, runId } = context;
      const isDry = inputs?.dryRun ?? false;
      const done: DoneThere[] = [];
      let seen = 0;
      for (const [nth, policy] of policies.entries()) {
        // Comments of one policy do not count for another.
        const policyRun = nth === 0 ? runId : `${runId}-${nth + 1}`;
        const lead = nth === 0 ? "" : `${nth + 1}: `;
        const all = await followed({ ...context, runId: policyRun }, policy, {
          repositories: repositoriesOf(options, its),
          ...{ lead, isDry },
        });
        seen += all.seen;
        done.push(...all.done);
      }
      const outputs = outputsOf(done, { seen, isDry: isDry || policies.every(({ debugOnly }) => debugOnly ?? false) });
      if (options.enableStatistics ?? true) log.info("statistics", outputs.statistics);
      const failed = done.filter((each) => each.what === "failed");
      requireNone(failed, { tried: "changing stale issues and pull requests", of: done.length });
      return outputs;
    },
  });
}

type DoneThere = Done & { readonly repository: string };

type Following = {
  readonly repositories: readonly string[];
  /** Prefix for the names of steps. */
  readonly lead: string;
  readonly isDry: boolean;
};

/** One policy, in all repositories. */
async function followed(
  context: Pick<RunContext, "github" | "step" | "log" | "runId">,
  policy: StalePolicy,
  { repositories, lead, isDry }: Following,
): Promise<{ seen: number; done: readonly DoneThere[] }> {
  const { step, log } = context;
  const { debugOnly = false, deleteBranch = false, operationsPerRun = Number.POSITIVE_INFINITY } = policy;
  const rules = staleRules(policy);
  const done: DoneThere[] = [];
  let seen = 0;
  const failed = await forEachOf(repositories, log, async (repository) => {
    if (done.length >= operationsPerRun) return;
    const list = await listed(context, { repository, lead }, policy, rules);
    seen += list.seen;
    const working = { repository, isDry: isDry || debugOnly, deleteBranch, rules };
    const { look, closeWithBranch } = staleWork(context, working);
    const name = `${lead}${repository}`;
    const looked = await workThrough(
      step,
      { name, items: list.candidates, most: operationsPerRun - done.length },
      look,
    );
    // A separate step for each: the decision is known before anything is deleted.
    const due = looked.filter(({ what }) => what === "due").map(({ number }) => number);
    const all = { name: `${name}, with branches`, items: due, most: due.length };
    const closed = await workThrough(step, all, closeWithBranch);
    const ended = [...looked.filter(({ what }) => what !== "due"), ...closed];
    done.push(...ended.map((each) => ({ ...each, repository })));
  });
  if (done.length >= operationsPerRun) log.info("operationsPerRun is reached: the next run continues");
  return { seen, done: [...done, ...failed.map((each) => ({ ...each, repository: "" }))] };
}

/** The threads that may need a change, without their descriptions: there may be thousands. */
async function listed(
  { github, step }: Pick<RunContext, "github" | "step">,
  { repository, lead }: { readonly repository: string; readonly lead: string },
  { sortBy = "created", ascending = false }: StalePolicy,
  rules: ReturnType<typeof staleRules>,
): Promise<{ seen: number; candidates: readonly Candidate[] }> {
  const candidates = new Map<number, Candidate>();
  const order = { sort: sortBy, direction: ascending ? "asc" : "desc" } as const;

  async function list(page: Page): Promise<{ seen: number; candidates: Candidate[]; next: Page | null }> {
    const open = { ...ownerAndName(repository), state: "open", ...order, per_page: 100, ...page } as const;
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
    const its = await step(`${lead}list ${repository}, page ${nth}`, () => list(asked));
    seen += its.seen;
    // Threads that are opened during the listing shift the pages.
    for (const each of its.candidates) candidates.set(each.number, candidates.get(each.number) ?? each);
    page = its.next;
  }
  return { seen, candidates: [...candidates.values()] };
}

/** The maximum number of threads that the outputs name. All are counted. */
const MAX_NAMED = 1000;

function outputsOf(done: readonly DoneThere[], { seen, isDry }: { seen: number; isDry: boolean }) {
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
