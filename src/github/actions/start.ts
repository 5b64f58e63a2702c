import type { ActionsRuns } from "../../model/actions-runs.ts";
import { isFailure } from "../../model/failure.ts";
import type { Answer } from "../answer.ts";
import type { Ask } from "../ask.ts";
import { dispatch, runWorkflow } from "../dispatch.ts";

/** Sent once. After a lost answer, first look for what has started before you send it again. */
const ONCE = { retry: false } as const;

/** @param now epoch milliseconds by GitHub's clock. */
export async function sendEvent(
  ask: Ask,
  now: () => number,
  ...event: Parameters<ActionsRuns["sendEvent"]>
): Promise<{ readonly since: string }> {
  return { since: timeOf(await dispatch(ask, ...event, ONCE), now) };
}

/** @param now epoch milliseconds by GitHub's clock. */
export async function startWorkflow(
  ask: Ask,
  now: () => number,
  ...[repository, workflow, { ref, inputs = {}, key }]: Parameters<ActionsRuns["startWorkflow"]>
): ReturnType<ActionsRuns["startWorkflow"]> {
  const start = async (shown: string | undefined) => {
    const all = shown === undefined ? inputs : { ...inputs, [KEY_INPUT]: shown };
    const { answer, started } = await runWorkflow(ask, repository, workflow, { ref, inputs: all }, ONCE);
    return {
      since: timeOf(answer, now),
      ...(shown !== undefined && { key: shown }),
      ...(started && { runId: started.id, htmlUrl: started.htmlUrl }),
    };
  };
  try {
    return await start(key);
  } catch (error) {
    if (key === undefined || !takesNoKey(error)) throw error;
    return start(undefined);
  }
}

/** The name of the input, and of the payload property, that holds the key. */
const KEY_INPUT = "run";

/** GitHub rejects an input that the workflow does not declare (422). It has then started nothing. */
function takesNoKey(error: unknown): boolean {
  return isFailure(error) && /answered 422 .*unexpected inputs?.*\brun\b/i.test(error.facts.happened);
}

/** When GitHub answered, in whole seconds by its clock. */
function timeOf({ headers }: Answer, now: () => number): string {
  const theirs = Date.parse(String(headers.date));
  return new Date(Number.isNaN(theirs) ? now() : theirs).toISOString();
}
