import type { ActionsRunLists, ListedActionsRun, ListedActionsRuns } from "../../model/actions-runs.ts";
import type { StartedRun } from "../../model/github.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { type Answer, jsonOf } from "../answer.ts";
import type { Ask } from "../ask.ts";
import { type Attempted, type Listed, listOf } from "../failures.ts";

/**
 * The lists of runs, as the asker can see them. With `remember`, a list that has not changed costs nothing of the
 * quota.
 */
export function runLists(ask: Ask, { remember = false } = {}): ActionsRunLists {
  return {
    listNewest: (repository, { event, since, page }) =>
      list(
        ask,
        repository,
        { ...(event && { event }), created: `>=${inSeconds(Date.parse(since))}`, page: page ?? 1 },
        { remember },
      ),
    listCompleted: (repository, { since, page }) =>
      list(
        ask,
        repository,
        { status: "completed", created: `>=${inSeconds(Date.parse(since))}`, page: page ?? 1 },
        { remember },
      ),
  };
}

/** Counts the runs created within a span (epoch milliseconds), of one event or of all events. */
export async function countRuns(
  ask: Ask,
  repository: string,
  { event, from, to }: { readonly event?: StartedRun["event"]; readonly from: number; readonly to: number },
): Promise<number> {
  const created = `${inSeconds(from)}..${inSeconds(to + 999)}`;
  return (await list(ask, repository, { ...(event && { event }), created, page: 1 }, { size: 1 })).total;
}

/** A time as GitHub's filters expect it, without fractions of a second. */
function inSeconds(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, "Z");
}

/** GitHub's maximum per page. */
export const PAGE = 100;

/** @see https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository */
async function list(
  ask: Ask,
  repository: string,
  which: Readonly<Record<string, string | number>>,
  { size = PAGE, remember = false },
): Promise<ListedActionsRuns> {
  const attempted = { tried: `listing the Actions runs of ${repository}`, repository, permission: "Actions: read" };
  // Leave out the time: a list for another time has another ETag and should replace the previous one.
  const { created: _, ...kind } = which;
  const answer = await ask(
    attempted,
    "GET /repos/{owner}/{repo}/actions/runs",
    { ...ownerAndName(repository), ...which, per_page: size, exclude_pull_requests: true },
    [200],
    {
      reduce: (whole) => reduced(attempted, whole),
      ...(remember && { rememberAs: JSON.stringify(["runs", repository, kind]) }),
    },
  );
  return jsonOf(answer) as ListedActionsRuns;
}

/** A page of 100 runs has 1 to 2 MB. This keeps 30 KB of it. */
function reduced(attempted: Attempted, answer: Answer): Uint8Array {
  const { total_count: total, workflow_runs } = jsonOf(answer) as Listed;
  const runs = listOf(attempted, workflow_runs).flatMap(listed);
  const all: ListedActionsRuns = { total: typeof total === "number" ? total : runs.length, runs };
  return new TextEncoder().encode(JSON.stringify(all));
}

function listed(run: Listed): readonly ListedActionsRun[] {
  const text = (name: string) => (typeof run[name] === "string" ? run[name] : "");
  if (typeof run.id !== "number") return [];
  return [
    {
      id: run.id,
      htmlUrl: text("html_url"),
      attempt: typeof run.run_attempt === "number" ? run.run_attempt : 1,
      title: text("display_title"),
      event: text("event"),
      // GitHub adds a ref to some: `.github/workflows/tests.yml@main`.
      workflow: text("path").split("@")[0]?.split("/").at(-1) ?? "",
      status: text("status"),
      conclusion: typeof run.conclusion === "string" ? run.conclusion : undefined,
      createdAt: text("created_at"),
    },
  ];
}
