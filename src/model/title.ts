import type { Log } from "./log.ts";
import { givenOf, type Workflow } from "./workflow.ts";

/**
 * The title of an event's run; undefined if its workflow gives none. If the workflow's function throws, or returns
 * another type, that is logged and the run has no title.
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
    // A failed promise would end the process.
    if (given instanceof Promise) given.catch(() => {});
    if (given === undefined || typeof given === "string") return given || undefined;
    throw new TypeError(
      `it returned ${given instanceof Promise ? "a promise" : `a value of type ${typeof given}`} instead of text`,
    );
  } catch (err) {
    log.warn({ workflow: name, err }, "the title of a run could not be computed, so the run has no title");
  }
  return undefined;
}
