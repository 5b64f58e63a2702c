import { type Check, problem } from "../../model/check.ts";
import { isFailure } from "../../model/failure.ts";

/** A check that could not be carried out, or whose request GitHub refused. */
export function failed(check: string, error: unknown): Check {
  if (!isFailure(error)) throw error;
  const { tried, happened, remedy } = error.facts;
  return problem(check, `${tried} failed: ${happened}`, remedy);
}
