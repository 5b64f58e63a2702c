import type { ActionsRunLists, ListedActionsRun, ListedActionsRuns } from "../../model/actions-runs.ts";
import { type Answer, jsonOf } from "../answer.ts";
import type { Ask } from "../ask.ts";
import { ownerAndName } from "../files.ts";

/** The lists of runs, as whoever asks may see them. */
export function runLists(ask: Ask): ActionsRunLists {
  return {
    listNewest: (repository, { event, since, page }) =>
      list(ask, repository, { ...(event && { event }), created: `>=${since}`, page: page ?? 1 }),
    listCompleted: (repository, { since, page }) =>
      list(ask, repository, { status: "completed", created: `>=${since}`, page: page ?? 1 }),
  };
}

/** How many runs were created within a span (epoch milliseconds). */
export async function countRuns(
  ask: Ask,
  repository: string,
  { from, to }: { from: number; to: number },
): Promise<number> {
  const created = `${new Date(from).toISOString()}..${new Date(to).toISOString()}`;
  return (await list(ask, repository, { created, page: 1 }, 1)).total;
}

/** GitHub's most for a page. */
export const PAGE = 100;

/** @see https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository */
async function list(
  ask: Ask,
  repository: string,
  which: Readonly<Record<string, string | number>>,
  size = PAGE,
): Promise<ListedActionsRuns> {
  const answer = await ask(
    { tried: `listing the Actions runs of ${repository}`, repository, permission: "Actions: read" },
    "GET /repos/{owner}/{repo}/actions/runs",
    { ...ownerAndName(repository), ...which, per_page: size, exclude_pull_requests: true },
    [200],
    { rememberAs: JSON.stringify(["runs", repository, which]), reduce: reduced },
  );
  return jsonOf(answer) as ListedActionsRuns;
}

/** A page of 100 runs has 1 to 2 MB, of which this is 30 KB. */
function reduced(answer: Answer): Uint8Array {
  const { total_count, workflow_runs } = jsonOf(answer) as { total_count?: unknown; workflow_runs?: unknown };
  const runs = Array.isArray(workflow_runs) ? workflow_runs.flatMap(listed) : [];
  const all: ListedActionsRuns = { total: typeof total_count === "number" ? total_count : runs.length, runs };
  return new TextEncoder().encode(JSON.stringify(all));
}

function listed(run: Readonly<Record<string, unknown>> | null): readonly ListedActionsRun[] {
  const text = (name: string) => (typeof run?.[name] === "string" ? run[name] : "");
  if (typeof run?.id !== "number") return [];
  return [
    {
      id: run.id,
      htmlUrl: text("html_url"),
      attempt: typeof run.run_attempt === "number" ? run.run_attempt : 1,
      title: text("display_title"),
      event: text("event"),
      status: text("status"),
      conclusion: typeof run.conclusion === "string" ? run.conclusion : undefined,
      createdAt: text("created_at"),
    },
  ];
}
