import type { ActionsRunLists, ListedActionsRun } from "../../model/actions-runs.ts";
import { PermanentFailure } from "../../model/failure.ts";
import type { FoundRun, StartedRun } from "../../model/github.ts";
import { keysIn, showsSomeKey } from "../../model/run-names.ts";
import { PAGE } from "./lists.ts";
import { showKey } from "./workflow-files.ts";

/**
 * GitHub's `created_at` may be a little earlier than the time of its answer, and than a clock that is slightly wrong.
 */
const EARLIER_MS = 60_000;

/** GitHub ends a filtered list after 1,000 runs. */
const MAX_PAGES = 10;

/**
 * The run that was started. It is the run that GitHub's answer named, the run whose name shows the key, or the only run
 * that fits by its time.
 * @param now epoch milliseconds by GitHub's clock.
 */
export async function findRun(
  { listNewest }: Pick<ActionsRunLists, "listNewest">,
  now: () => number,
  started: StartedRun,
): Promise<FoundRun | undefined> {
  const { repository, event, key, since, runId, htmlUrl } = started;
  if (runId !== undefined) return { repository, runId, htmlUrl: htmlUrl ?? "", foundBy: "answer", createdAt: since };
  const from = new Date(Date.parse(since) - EARLIER_MS).toISOString();
  const candidates = new Map<number, ListedActionsRun>();
  for (let page = 1; page <= MAX_PAGES; page++) {
    const { runs } = await listNewest(repository, { event, since: from, page });
    for (const run of runs) candidates.set(run.id, run);
    const shown = key === undefined ? [] : runs.filter(({ title }) => keysIn(title).has(key));
    // A request that was sent twice may have started two runs, and one may have cancelled the other. Otherwise take the
    // oldest.
    const its = shown.findLast(({ conclusion }) => conclusion !== "cancelled") ?? shown.at(-1);
    if (its) return foundBy("key", repository, its);
    if (runs.length < PAGE) break;
  }
  const only = onlyOneByTime(started, [...candidates.values()], now());
  return only && foundBy("time", repository, only);
}

function foundBy(how: FoundRun["foundBy"], repository: string, run: ListedActionsRun): FoundRun {
  return { repository, runId: run.id, htmlUrl: run.htmlUrl, foundBy: how, createdAt: run.createdAt };
}

/** By this time GitHub has usually created the run, and any other run that fits. */
const SETTLED_MS = 30_000;
const WINDOW_MS = { before: 10_000, after: 120_000 };

/**
 * The run of this event around that time, if there is exactly one. If any run name shows a key, the workflow shows keys.
 * A name without this key then belongs to another event.
 */
function onlyOneByTime(
  { repository, event, workflow, since }: StartedRun,
  candidates: readonly ListedActionsRun[],
  now: number,
): ListedActionsRun | undefined {
  const sent = Date.parse(since);
  if (now < sent + SETTLED_MS || candidates.some(({ title }) => showsSomeKey(title))) return undefined;
  // A workflow may be named by its id.
  const isOther = (file: string) => workflow !== undefined && !/^\d+$/.test(workflow) && file !== workflow;
  const fitting = candidates.filter((run) => {
    const created = Date.parse(run.createdAt);
    return !isOther(run.workflow) && created >= sent - WINDOW_MS.before && created <= sent + WINDOW_MS.after;
  });
  if (fitting.length <= 1) return fitting[0];
  throw new PermanentFailure({
    tried: `finding the Actions run in ${repository} of the ${event} that was sent at ${since}`,
    happened: `${fitting.length} runs began at that time, and no run name shows which event started it: ${fitting
      .slice(0, MAX_NAMED)
      .map(({ htmlUrl }) => htmlUrl)
      .join(", ")}${fitting.length > MAX_NAMED ? ", …" : ""}`,
    remedy: showKey(event),
    about: "no run",
  });
}

const MAX_NAMED = 3;
