import { defineWorkflow, type GitHub, PermanentFailure, type RunContext } from "../../index.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { discussionsOf, type Found } from "./discussions.ts";
import { has } from "./lists.ts";
import {
  checkLockOptions,
  type Kind,
  kindsOf,
  type LockRules,
  type LockThreadsOptions,
  lockRules,
} from "./lock-options.ts";
import { isUntouched, labelsWhenLocked, searchQuery, whyNot } from "./lock-rules.ts";
import { repositoriesOf, scheduledOf } from "./scheduled.ts";
import { type Failed, forEachOf, guardOf, requireNone, threadsOf, timeOf, workThrough } from "./threads.ts";

/** At a minute when few other schedules start. */
const ONCE_A_DAY = "17 2 * * *";

type Candidate = { readonly number: number; readonly updatedAt: number };
type Done = { readonly number: number; readonly what: "locked" } | Failed;

/**
 * Locks issues, pull requests and discussions that have been closed and inactive for long. It replaces
 * dessant/lock-threads and has its options. It locks all of them, obeys GitHub's limits, continues after an
 * interruption, and comments once.
 * @throws Error that names every option that cannot be used.
 */
export function lockThreads(options: LockThreadsOptions = {}) {
  checkLockOptions(options);
  const kinds = kindsOf(options).map((kind) => ({ kind, rules: lockRules(options, kind) }));
  return defineWorkflow({
    ...scheduledOf("lock-threads", options, ONCE_A_DAY),
    async run(context) {
      const { github, step, log, runId, repository: its, inputs } = context;
      const isDry = inputs?.dryRun ?? false;
      const outputs = { issues: [] as string[], prs: [] as string[], discussions: [] as string[] };
      const failed: Failed[] = [];
      let tried = 0;
      const leftOut = await forEachOf(repositoriesOf(options, its), log, async (repository) => {
        const now = await step(`time of ${repository}`, async () =>
          timeOf((await github.request("GET /repos/{owner}/{repo}", ownerAndName(repository))).headers),
        );
        for (const { kind, rules } of kinds) {
          const done = await lockAll(context, { kind, rules, repository, now, isDry, runId });
          tried += done.length;
          for (const each of done) {
            if (each.what === "failed") failed.push(each);
            else outputs[`${kind}s`].push(`${repository}#${each.number}`);
          }
        }
      });
      if (options.logOutput ?? false) log.info("output", outputs);
      requireNone([...leftOut, ...failed], { tried: "locking threads", of: tried + leftOut.length });
      return { ...(isDry && { dryRun: true }), ...outputs };
    },
  });
}

type About = {
  readonly kind: Kind;
  readonly rules: LockRules;
  readonly repository: string;
  /** GitHub's time when the run began. */
  readonly now: number;
  readonly isDry: boolean;
  readonly runId: string;
};

/** The maximum results of one GitHub search. Another search finds the rest. */
const MAX_FOUND = 1000;
const PER_PAGE = 100;
const DAY_MS = 86_400_000;

/** Locks all threads of one kind in one repository. */
async function lockAll(context: Pick<RunContext, "github" | "step" | "log">, about: About): Promise<readonly Done[]> {
  const { kind, rules, repository, now } = about;
  const { github, step } = context;
  const work = workOn(context, about);
  const seen = new Set<number>();
  const done: Done[] = [];
  let before = now - rules.inactiveDays * DAY_MS;
  for (let round = 1; ; round++) {
    const found = await search(github, step, { ...about, query: searchQuery(repository, kind, rules, before), round });
    const fresh = found.filter(({ number }) => !seen.has(number));
    for (const { number } of fresh) seen.add(number);
    const name = `lock ${kind}s of ${repository}${round === 1 ? "" : `, ${round}`}`;
    done.push(...(await workThrough(step, { name, items: fresh, most: fresh.length }, work)));
    const last = found.at(-1);
    if (last === undefined || found.length < MAX_FOUND || fresh.length === 0) return done;
    before = last.updatedAt;
  }
}

/** Candidates to lock, the latest updated first: up to `MAX_FOUND`. */
async function search(
  github: GitHub,
  step: RunContext["step"],
  { kind, repository, query, round, runId, isDry }: About & { readonly query: string; readonly round: number },
): Promise<readonly Candidate[]> {
  const discussions = discussionsOf(github, repository, { runId, isDry });

  async function page(nth: number, after: string | null): Promise<Found> {
    if (kind === "discussion") return discussions.search(`${query} sort:updated-desc`, after);
    const asked = { q: query, sort: "updated", order: "desc", per_page: PER_PAGE, page: nth } as const;
    const { data } = await github.request("GET /search/issues", asked, { repository });
    const items = data.items.map(({ number, updated_at }) => ({ number, updatedAt: Date.parse(updated_at) }));
    return { items, after: items.length < PER_PAGE ? null : "" };
  }

  const found: Candidate[] = [];
  let after: string | null = null;
  for (let nth = 1; nth <= MAX_FOUND / PER_PAGE; nth++) {
    const cursor: string | null = after;
    const name = `search ${kind}s of ${repository}, page ${nth}${round === 1 ? "" : ` of ${round}`}`;
    const its: Found = await step(name, () => page(nth, cursor));
    found.push(...its.items);
    after = its.after;
    if (after === null) break;
  }
  return found;
}

/**
 * Comments, changes labels, then locks. After an interruption before the lock, the next attempt sees what was already
 * done.
 */
function workOn({ github, log }: Pick<RunContext, "github" | "log">, about: About) {
  const { kind, rules, repository, now, isDry } = about;
  const threads = threadsOf(github, repository, about);
  const discussions = discussionsOf(github, repository, about);

  async function lockThread({ number, updatedAt }: Candidate): Promise<Done | undefined> {
    const found = await threads.read(number);
    if (!found) return undefined;
    const { thread } = found;
    const comments = thread.updatedAt === updatedAt ? [] : await threads.commentsSince(number, updatedAt);
    const facts = { comments, hasOwn: threads.hasOwn(comments, "lock") };
    if (!isUntouched(thread, updatedAt, facts, rules) || whyNot({ ...thread, updatedAt }, rules, now)) return undefined;
    if (rules.comment !== "") await threads.comment(number, "lock", rules.comment);
    const labels = labelsWhenLocked(thread.labels, rules);
    if (labels.join("\n") !== thread.labels.join("\n")) await threads.change(number, { labels });
    await threads.lock(number, rules.reason);
    return say(number, thread.url);
  }

  async function lockDiscussion({ number, updatedAt }: Candidate): Promise<Done | undefined> {
    const thread = await discussions.read(number);
    if (!thread) return undefined;
    const facts = { comments: thread.comments, hasOwn: threads.hasOwn(thread.comments, "lock") };
    if (!isUntouched(thread, updatedAt, facts, rules) || whyNot({ ...thread, updatedAt }, rules, now)) return undefined;
    if (rules.comment !== "" && !facts.hasOwn) await discussions.comment(thread, "lock", rules.comment);
    const { labels } = thread;
    const wanted = labelsWhenLocked(labels, rules);
    await discussions.label(
      thread,
      wanted.filter((each) => !has(labels, each)),
      labels.filter((each) => !has(wanted, each)),
    );
    await discussions.lock(thread);
    return say(number, thread.url);
  }

  function say(number: number, url: string): Done {
    log.info(`${isDry ? "dry run: " : ""}locked ${repository}#${number}`, { url });
    return { number, what: "locked" };
  }

  const { read } = kind === "discussion" ? discussions : threads;
  const guarded = guardOf(log, repository, async (number) => (await read(number)) !== undefined);
  const work = kind === "discussion" ? lockDiscussion : lockThread;
  return guarded(
    ({ number }: Candidate) => number,
    async (candidate) => {
      try {
        return await work(candidate);
      } catch (error) {
        // An issue that was converted to a discussion is also found as an issue.
        if (error instanceof PermanentFailure && /cannot be modified.*discussion/i.test(error.message))
          return undefined;
        throw error;
      }
    },
  );
}
