import type { RunShown } from "../http/runs-schemas.ts";
import { shortDuration } from "./duration.ts";
import { serviceClient } from "./service-client.ts";
import { shortName, shortText, table } from "./table.ts";

export type ListOptions = {
  readonly status?: string;
  readonly workflow?: string;
  readonly group?: string;
  readonly limit?: string;
  readonly cursor?: string;
  readonly json?: true;
  readonly follow?: true;
};

/** Prints runs, newest first. */
export async function listRuns({ json, follow, ...query }: ListOptions): Promise<void> {
  if (follow) {
    const { followRuns, refuseCursor } = await import("./runs-follow.ts");
    refuseCursor(query.cursor);
    return followRuns(query, json);
  }
  const { text, said } = await serviceClient().list(query);
  if (json) {
    process.stdout.write(`${text}\n`);
    return;
  }
  const now = Date.now();
  const rows = said.runs.map((run) => [
    run.id,
    run.status,
    run.workflow,
    shortName(run.group ?? ""),
    String(run.attemptCount),
    shortDuration(now - Date.parse(run.acceptedAt)),
    shortText(reasonOf(run)),
  ]);
  process.stdout.write(
    table(["RUN", "STATUS", "WORKFLOW", "GROUP", "ATTEMPTS", "AGE", "REASON"], rows, process.stdout.columns),
  );
  if (said.next !== undefined) process.stderr.write(`There are more: --cursor ${said.next}\n`);
}

function reasonOf({ reason, supersededBy }: RunShown): string {
  return supersededBy === undefined ? (reason ?? "") : `superseded by ${supersededBy}`;
}
