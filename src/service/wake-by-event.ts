import { isRunId, type RunDetail } from "../model/history.ts";
import type { Json } from "../model/run.ts";
import { keysIn } from "../model/run-names.ts";
import type { RunStore } from "../model/store.ts";
import { wakeKeysOf } from "../model/waits.ts";
import type { WebhookEvent } from "../model/webhooks.ts";
import type { runActions } from "./run-actions.ts";

type Parts = {
  readonly store: Pick<RunStore, "get" | "mark" | "setMark" | "turn">;
  readonly wake: (keys: readonly string[]) => Promise<number>;
  readonly rerun: ReturnType<typeof runActions>["rerun"];
};

/**
 * The fields of a `workflow_run` delivery that are read here. They come from the sender, so they are not checked yet.
 */
type Delivered = {
  readonly repository?: { readonly full_name?: unknown };
  readonly workflow_run?: { readonly id?: unknown; readonly run_attempt?: unknown; readonly display_title?: unknown };
};

/**
 * Wakes the runs that wait for a delivery. If a person re-runs an Actions run at GitHub, the run that followed it to
 * its end follows it again. So does a run that gave up before its Actions run appeared. Resolves with the number of
 * runs that check.
 */
export function wakingByEvent({ store, wake, rerun }: Parts) {
  return async (event: Pick<WebhookEvent, "name" | "payload">): Promise<number> => {
    const woken = await wake(wakeKeysOf(event));
    if (event.name !== "workflow_run") return woken;
    const { repository, workflow_run: run } = event.payload as Delivered;
    if (typeof repository?.full_name !== "string" || typeof run?.id !== "number") return woken;
    if (typeof run.run_attempt !== "number" || typeof run.display_title !== "string") return woken;
    const followed = { repository: repository.full_name.toLowerCase(), runId: run.id };
    let again = 0;
    for (const id of [...keysIn(run.display_title)].filter((word) => isRunId(word.toLowerCase())).slice(0, MOST_KEYS)) {
      if (await rerunOnce(id.toLowerCase(), run.run_attempt, followed)) again++;
    }
    return woken + again;
  };

  /** Once per attempt of the Actions run, because several deliveries arrive for it, and some may be late. */
  async function rerunOnce(id: string, attempt: number, followed: Followed): Promise<boolean> {
    const detail = await store.get(id);
    if (!detail || !(attempt > 1 ? follows(detail, followed) : hasGivenUp(detail, followed))) return false;
    const name = `followed attempt of ${id}`;
    const last = await store.mark(name);
    if (typeof last === "number" && last >= attempt) return false;
    // If several processes get the delivery, one acts. If that process dies here, a later delivery does it.
    if (!(await store.turn(`follow attempt ${attempt} of ${id}`, TURN_MS))) return false;
    const { status } = await rerun(id, { from: "failure", actor: "GitHub webhook" });
    if (status !== "queued") return false;
    await store.setMark(name, attempt);
    return true;
  }
}

/** Whether a run followed this Actions run to its end. Before its end, a run follows the newest attempt anyway. */
function follows({ run, steps }: RunDetail, followed: Followed): boolean {
  if (run.status !== "success" && run.status !== "failure") return false;
  return [run.input, ...steps.map(({ result }) => result)].some((value) => mentions(value, followed));
}

/**
 * Whether a run failed because this Actions run did not appear. Only then does it have a reason why nothing started.
 */
function hasGivenUp({ run, steps }: RunDetail, followed: Followed): boolean {
  if (run.status !== "failure" || !mentions(run.input, followed)) return false;
  const results = steps.map(({ result }) => result as { readonly sendAgain?: Json; readonly runId?: Json } | undefined);
  return (
    results.some((each) => typeof each?.sendAgain === "boolean") &&
    !results.some((each) => typeof each?.runId === "number")
  );
}

type Followed = { readonly repository: string; readonly runId: number };

/** The name of a run usually has one key. */
const MOST_KEYS = 3;
const TURN_MS = 60_000;

/**
 * Whether a value of a run says that it follows this Actions run. The check includes the repository, because runs of
 * another repository could have the same name.
 */
function mentions(value: Json | undefined, followed: Followed): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (!Array.isArray(value)) {
    const { repository, runId } = value as { readonly [key: string]: Json };
    const isIts = typeof repository === "string" && repository.toLowerCase() === followed.repository;
    if (isIts && (runId === undefined || runId === followed.runId)) return true;
  }
  return Object.values(value).some((inner) => mentions(inner, followed));
}
