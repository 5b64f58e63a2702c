import { type Check, problem } from "../../model/check.ts";
import { isFailure } from "../../model/failure.ts";
import type { Inspection } from "../open-github.ts";

/** The settings to check, and the means to ask GitHub. */
export type Checked = {
  readonly github: Inspection;
  readonly apiUrl: string;
  readonly hasCredential: boolean;
  /** owner/name. Undefined if the setting cannot be used. */
  readonly deploymentRepo: string | undefined;
  readonly targetRepo: string | undefined;
  /** Undefined: the default branch. */
  readonly deploymentRef: string | undefined;
  readonly eventType: string;
  /** `tests.yml` or `tests.yml@REF`: the service starts it instead of sending an event. */
  readonly targetWorkflow: string | undefined;
  /** Where the service reports the test results. Empty if it follows no tests. */
  readonly follow: readonly ("status" | "check" | "comment" | "deployment")[];
  /** The workflows that show their results on commits, with the service's credentials. */
  readonly reports: readonly { readonly workflow: string; readonly as: "status" | "check" }[];
};

/** Runs a check. If it throws, the result is a problem. */
export async function found(check: string, look: () => Promise<readonly Check[]>): Promise<readonly Check[]> {
  try {
    return await look();
  } catch (error) {
    return [failed(check, error)];
  }
}

/** A check that failed, or whose request GitHub rejected. */
export function failed(check: string, error: unknown): Check {
  if (!isFailure(error)) throw error;
  const { tried, happened, remedy } = error.facts;
  return problem(check, `${tried} failed: ${happened}`, remedy);
}
