import { type GitHub, LimitReached, PermanentFailure, type RunContext, TransientFailure } from "../../index.ts";
import { markerOf } from "../../model/comment-key.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { nextLink } from "../../model/next-link.ts";

/** An issue or a pull request. Times are epoch milliseconds. */
export type Thread = {
  readonly number: number;
  readonly isPull: boolean;
  readonly isOpen: boolean;
  readonly isLocked: boolean;
  readonly isDraft: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Set if it is closed. */
  readonly closedAt: number | undefined;
  readonly labels: readonly string[];
  readonly assignees: readonly string[];
  readonly milestone: string | undefined;
  /** Set for an issue that has a type: `Bug`. */
  readonly type: string | undefined;
  /** Its web page. */
  readonly url: string;
};

/** Times are epoch milliseconds. */
export type ThreadEvent = { readonly event: string; readonly at: number; readonly label: string | undefined };
type DescribedEvent = {
  readonly event: string;
  readonly created_at: string;
  readonly label?: { readonly name: string };
};

export type Comment = { readonly at: number; readonly isByPerson: boolean; readonly body: string };

/** An issue as GitHub's REST API describes it: alone, in a list or in a search. */
type Described = {
  readonly number: number;
  readonly state: string;
  readonly locked: boolean;
  readonly draft?: boolean;
  readonly created_at: string;
  readonly updated_at: string;
  readonly closed_at: string | null;
  readonly html_url: string;
  readonly labels: readonly (string | { readonly name?: string | null })[];
  readonly assignees?: readonly { readonly login: string }[] | null;
  readonly milestone: { readonly title: string } | null;
  readonly pull_request?: unknown;
  readonly type?: { readonly name: string } | null;
};

export function threadOf(issue: Described): Thread {
  return {
    number: issue.number,
    isPull: issue.pull_request !== undefined && issue.pull_request !== null,
    isOpen: issue.state === "open",
    isLocked: issue.locked,
    isDraft: issue.draft ?? false,
    createdAt: Date.parse(issue.created_at),
    updatedAt: Date.parse(issue.updated_at),
    closedAt: issue.closed_at === null ? undefined : Date.parse(issue.closed_at),
    labels: issue.labels.map((label) => (typeof label === "string" ? label : (label.name ?? ""))),
    assignees: (issue.assignees ?? []).map(({ login }) => login),
    milestone: issue.milestone?.title,
    type: issue.type?.name,
    url: issue.html_url,
  };
}

/** Reads and changes the threads of a repository for a run. */
export function threadsOf(github: GitHub, repository: string, { runId, isDry }: { runId: string; isDry: boolean }) {
  const repo = ownerAndName(repository);
  const of = (number: number) => ({ ...repo, issue_number: number });

  return {
    /** The present thread and GitHub's time. Undefined if it was deleted or moved to another repository. */
    async read(number: number): Promise<{ readonly thread: Thread; readonly now: number } | undefined> {
      const route = "GET /repos/{owner}/{repo}/issues/{issue_number}";
      const { status, data, headers } = await github.request(route, of(number), { allow: [404, 410] });
      if (status !== 200) return undefined;
      const thread = threadOf(data as Described);
      return thread.number === number ? { thread, now: timeOf(headers) } : undefined;
    },
    async events(number: number): Promise<readonly ThreadEvent[]> {
      const route = "GET /repos/{owner}/{repo}/issues/{issue_number}/events";
      const events: ThreadEvent[] = [];
      for await (const { data } of github.paginate.iterator(route, of(number))) {
        for (const { event, created_at, label } of data as readonly DescribedEvent[]) {
          events.push({ event, at: Date.parse(created_at), label: label?.name });
        }
      }
      return events;
    },
    /** Comments that were written or changed since a time (epoch milliseconds). */
    async commentsSince(number: number, time: number): Promise<readonly Comment[]> {
      const route = "GET /repos/{owner}/{repo}/issues/{issue_number}/comments";
      const since = { ...of(number), since: new Date(time).toISOString() };
      const comments: Comment[] = [];
      for await (const { data } of github.paginate.iterator(route, since)) {
        for (const { user, body = "", updated_at } of data) {
          comments.push({ at: Date.parse(updated_at), isByPerson: user?.type === "User", body });
        }
      }
      return comments;
    },
    /** Writes a comment, once in this run. */
    async comment(number: number, what: string, body: string): Promise<void> {
      if (!isDry) await github.comment({ repository, number, key: keyOf(what, runId), body });
    },
    /** Whether this run has written that comment. */
    hasOwn: (comments: readonly Comment[], what: string): boolean =>
      comments.some(({ body }) => body.startsWith(markerOf(keyOf(what, runId)))),
    /** Sets all labels in one write, so that none exists without the others. */
    async change(number: number, change: Change): Promise<void> {
      if (isDry) return;
      const route = "PATCH /repos/{owner}/{repo}/issues/{issue_number}";
      const { labels, ...rest } = change;
      const { data } = await github.request(route, { ...of(number), ...rest, ...(labels && { labels: [...labels] }) });
      requireLabels(repository, number, labels, data);
    },
    async lock(number: number, reason: LockReason | undefined): Promise<void> {
      if (isDry) return;
      const route = "PUT /repos/{owner}/{repo}/issues/{issue_number}/lock";
      await github.request(route, { ...of(number), ...(reason && { lock_reason: reason }) });
    },
  };
}

export type Change = {
  readonly labels?: readonly string[];
  readonly state?: "closed";
  readonly state_reason?: "completed" | "not_planned";
};

export type LockReason = "off-topic" | "too heated" | "resolved" | "spam";

/** The key of a comment: one per run. */
export const keyOf = (what: string, runId: string) => `${what}/${runId}`;

/** Without push access, GitHub silently ignores labels. In a dry run there is no answer. */
function requireLabels(repository: string, number: number, wanted: readonly string[] | undefined, data: unknown): void {
  const { labels } = data as Partial<Described>;
  if (wanted === undefined || !Array.isArray(labels) || labels.length === wanted.length) return;
  throw new PermanentFailure({
    tried: `setting the labels of ${repository}#${number}`,
    happened: "GitHub accepted the request but did not change the labels",
    remedy: "Give the token's user the role Triage or Write in the repository, or use a GitHub App.",
  });
}

/**
 * GitHub's time, epoch milliseconds. So a wrong local clock closes nothing.
 * @throws PermanentFailure if an answer does not contain it.
 */
export function timeOf({ date = "" }: Readonly<Record<string, string>>): number {
  const time = Date.parse(date);
  if (Number.isFinite(time)) return time;
  throw new PermanentFailure({
    tried: "reading GitHub's time",
    happened: `the header date of its answer is ${date === "" ? "missing" : "not a time"}`,
    remedy: "Configure the proxy between the service and GitHub to pass it on.",
  });
}

/** The parameters of a page: a number, and at GitHub.com a cursor. */
export type Page = { readonly [name: string]: string };

/** The next page. Undefined after the last one. */
export function nextPage({ link }: Readonly<Record<string, string>>): Page | undefined {
  const url = nextLink(link);
  if (url === undefined) return undefined;
  const query = Object.fromEntries(new URL(url).searchParams);
  const { page, after } = query;
  return { ...(page !== undefined && { page }), ...(after !== undefined && { after }) };
}

/** How many are processed in one step. After a crash in the middle, they are processed again. */
const IN_ONE_STEP = 20;

/**
 * Works through items in steps, so that a later attempt continues where this one stopped. If a limit or a passing fault
 * interrupts a step, its results are remembered first. `work` may be called again for an item that it has half done.
 * @param most the maximum number of changes. If `work` returns undefined, it has changed nothing.
 */
export async function workThrough<Item, Done>(
  step: RunContext["step"],
  { name, items, most }: { name: string; items: readonly Item[]; most: number },
  work: (item: Item) => Promise<Done | undefined>,
): Promise<readonly Done[]> {
  const done: Done[] = [];
  for (let next = 0; next < items.length && done.length < most; ) {
    const first = next;
    const result = await step(`${name}, from ${first + 1}`, async () => {
      const its: Done[] = [];
      let at = first;
      try {
        for (; at < Math.min(first + IN_ONE_STEP, items.length) && done.length + its.length < most; at++) {
          const one = await work(items[at] as Item);
          if (one !== undefined) its.push(one);
        }
      } catch (error) {
        if (at === first || !isPassing(error)) throw error;
      }
      return { next: at, done: its };
    });
    next = result.next;
    done.push(...result.done);
  }
  return done;
}

const isPassing = (error: unknown) => error instanceof LimitReached || error instanceof TransientFailure;

/** A thread that could not be changed. */
export type Failed = { readonly number: number; readonly what: "failed"; readonly why: string };

/** After this many failures in a row, the next thread would fail too. */
const TOO_MANY = 5;

/**
 * A problem with one thread ends only the work on that thread. A problem with all threads ends the run.
 * @param isThere whether a thread still exists. A thread that was deleted or moved is not a failure.
 */
export function guardOf(log: RunContext["log"], repository: string, isThere: (number: number) => Promise<boolean>) {
  let inARow = 0;
  return <Item, Done>(numberOf: (item: Item) => number, work: (item: Item) => Promise<Done | undefined>) =>
    async (item: Item): Promise<Done | Failed | undefined> => {
      try {
        const done = await work(item);
        inARow = 0;
        return done;
      } catch (error) {
        if (!(error instanceof PermanentFailure) || ++inARow >= TOO_MANY) throw error;
        const number = numberOf(item);
        if (!(await isThere(number))) {
          log.info(`${repository}#${number} has since been deleted or moved`);
          return undefined;
        }
        log.error(`${repository}#${number} could not be changed`, { err: error });
        return { number, what: "failed", why: error.message };
      }
    };
}

/**
 * Does the work for each repository. A problem with one of several repositories ends only the work there, and is
 * returned.
 */
export async function forEachOf(
  repositories: readonly string[],
  log: RunContext["log"],
  work: (repository: string) => Promise<void>,
): Promise<readonly Failed[]> {
  const failed: Failed[] = [];
  for (const repository of repositories) {
    try {
      await work(repository);
    } catch (error) {
      if (repositories.length === 1 || !(error instanceof PermanentFailure)) throw error;
      log.error(`${repository} is left out`, { err: error });
      failed.push({ number: 0, what: "failed", why: error.message });
    }
  }
  return failed;
}

/** @throws PermanentFailure if some could not be changed, after all others were. */
export function requireNone(failed: readonly Failed[], { tried, of }: { tried: string; of: number }): void {
  const [first] = failed;
  if (first === undefined) return;
  throw new PermanentFailure({
    tried,
    happened: `${failed.length} of ${of} failed, the first with: ${first.why.replace(/\.$/, "")}`,
    remedy: "The run's log lists each one. The next run retries them.",
  });
}
