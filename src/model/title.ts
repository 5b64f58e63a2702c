import type { Log } from "./log.ts";
import { givenOf, type Workflow } from "./workflow.ts";

/**
 * What a run of this event is called; undefined where its workflow gives no title. When the workflow's function throws, or gives
 * something else, that is logged and the run does without.
 */
export function titleOf(
  workflow: Pick<Workflow, "name" | "on" | "title">,
  event: Parameters<typeof givenOf>[1],
  log: Pick<Log, "warn">,
): string | undefined {
  const { name, title } = workflow;
  if (typeof title !== "function") return title || undefined;
  try {
    const given: unknown = title(givenOf(workflow, event));
    // A promise that fails would end the process.
    if (given instanceof Promise) given.catch(() => {});
    if (given === undefined || typeof given === "string") return given || undefined;
    throw new TypeError(
      `it gave ${given instanceof Promise ? "a promise" : `a value of type ${typeof given}`} instead of text`,
    );
  } catch (err) {
    log.warn({ workflow: name, err }, "the title of a run could not be made: it is shown without one");
  }
  return undefined;
}
