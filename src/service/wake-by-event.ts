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

/** The part of a `workflow_run` delivery that is read here, as its sender made it. */
type Delivered = {
  readonly repository?: { readonly full_name?: unknown };
  readonly workflow_run?: { readonly id?: unknown; readonly run_attempt?: unknown; readonly display_title?: unknown };
};

/**
 * What a delivery of GitHub means for runs that there are: those that wait for it look again, and one that has followed an
 * Actions run to its end follows it again when a person re-runs it at GitHub. So does one that has given up before its
 * Actions run appeared. Resolves with how many runs look.
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

  /** Once per attempt of the Actions run: it is delivered several times, and perhaps late. */
  async function rerunOnce(id: string, attempt: number, followed: Followed): Promise<boolean> {
    const detail = await store.get(id);
    if (!detail || !(attempt > 1 ? follows(detail, followed) : hasGivenUp(detail, followed))) return false;
    const name = `followed attempt of ${id}`;
    const last = await store.mark(name);
    if (typeof last === "number" && last >= attempt) return false;
    // Of those who hear of it at once, one; should its process end here, a later delivery does it.
    if (!(await store.turn(`follow attempt ${attempt} of ${id}`, AT_ONCE_MS))) return false;
    const { status } = await rerun(id, { from: "failure", actor: "GitHub webhook" });
    if (status !== "queued") return false;
    await store.setMark(name, attempt);
    return true;
  }
}

/** Whether a run has followed this Actions run to its end. While it has not ended, it looks at the newest attempt anyway. */
function follows({ run, steps }: RunDetail, followed: Followed): boolean {
  if (run.status !== "success" && run.status !== "failure") return false;
  return [run.input, ...steps.map(({ result }) => result)].some((value) => mentions(value, followed));
}

/** Whether a run has failed because this Actions run did not appear: only that leaves why nothing had started. */
function hasGivenUp({ run, steps }: RunDetail, followed: Followed): boolean {
  if (run.status !== "failure" || !mentions(run.input, followed)) return false;
  const results = steps.map(({ result }) => result as { readonly sendAgain?: Json; readonly runId?: Json } | undefined);
  return (
    results.some((each) => typeof each?.sendAgain === "boolean") &&
    !results.some((each) => typeof each?.runId === "number")
  );
}

type Followed = { readonly repository: string; readonly runId: number };

/** The name of a run shows one. */
const MOST_KEYS = 3;
const AT_ONCE_MS = 60_000;

/** Whether a value of a run says that it follows this Actions run. Anyone who names runs of another repository could name it, too. */
function mentions(value: Json | undefined, followed: Followed): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (!Array.isArray(value)) {
    const { repository, runId } = value as { readonly [key: string]: Json };
    const isIts = typeof repository === "string" && repository.toLowerCase() === followed.repository;
    if (isIts && (runId === undefined || runId === followed.runId)) return true;
  }
  return Object.values(value).some((inner) => mentions(inner, followed));
}
