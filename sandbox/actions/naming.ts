import type { Repository } from "../repository.ts";
import { filledIn } from "./expressions.ts";
import type { StartingEvent } from "./runner.ts";
import type { WorkflowFile } from "./workflow-file.ts";

type Named = StartingEvent & { readonly sha: string };

/** Fills in the values that `run-name` and `concurrency` can read. */
export function fillerFor(repository: Repository, file: WorkflowFile, { event, branch, sha, ...rest }: Named) {
  const { actor, type, inputs = {}, payload } = rest;
  const ref = { ref: `refs/heads/${branch}`, ref_name: branch, sha, repository: repository.fullName };
  const what = payload ? { action: type, client_payload: payload, branch } : { inputs };
  const contexts = {
    github: { ...ref, actor, event_name: event, workflow: file.name, event: what },
    inputs,
  };
  return (text: string | undefined) => (text === undefined ? undefined : filledIn(text, contexts));
}

/** The title of a run without a `run-name`. */
export function usualTitle({ name }: WorkflowFile, path: string, { event, type }: StartingEvent): string {
  if (event === "repository_dispatch" && type !== undefined) return type;
  return event === "workflow_dispatch" || event === "schedule" ? (name ?? path) : "A commit";
}
