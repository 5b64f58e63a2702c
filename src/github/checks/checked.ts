import { type Check, problem } from "../../model/check.ts";
import { isFailure } from "../../model/failure.ts";
import type { Inspection } from "../open-github.ts";

/** The settings that are checked, and what GitHub is asked with. */
export type Checked = {
  readonly github: Inspection;
  readonly apiUrl: string;
  readonly hasCredential: boolean;
  /** owner/name; undefined when the setting cannot be used. */
  readonly deploymentRepo: string | undefined;
  readonly targetRepo: string | undefined;
  /** Undefined: the default branch. */
  readonly deploymentRef: string | undefined;
  readonly eventType: string;
  /** `tests.yml` or `tests.yml@REF`: it is started instead of an event being sent. */
  readonly targetWorkflow: string | undefined;
  /** Where the result of the tests is reported; empty when nothing is followed. */
  readonly follow: readonly ("status" | "check" | "comment" | "deployment")[];
  /** The workflows that show their results on commits, with the service's credentials. */
  readonly reports: readonly { readonly workflow: string; readonly as: "status" | "check" }[];
};

/** What a look at GitHub finds; a problem when it failed. */
export async function found(check: string, look: () => Promise<readonly Check[]>): Promise<readonly Check[]> {
  try {
    return await look();
  } catch (error) {
    return [failed(check, error)];
  }
}

/** A check that could not be carried out, or whose request GitHub rejected. */
export function failed(check: string, error: unknown): Check {
  if (!isFailure(error)) throw error;
  const { tried, happened, remedy } = error.facts;
  return problem(check, `${tried} failed: ${happened}`, remedy);
}
