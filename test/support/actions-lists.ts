import type { ActionsRunLists, ListedActionsRun } from "../../src/model/actions-runs.ts";

export type ListedRun = Partial<ListedActionsRun> & { readonly id: number; readonly createdAt: string };

const PAGE = 100;

/** GitHub's lists of these runs of a repository, and a count of the requests for them. */
export function listsOf(runs: () => readonly ListedRun[]) {
  const requests: { readonly list: keyof ActionsRunLists; readonly repository: string; readonly page: number }[] = [];
  let failing: { readonly error: Error | undefined; readonly of: string | undefined } | undefined;
  const list =
    (name: keyof ActionsRunLists, of: (run: ListedActionsRun) => boolean): ActionsRunLists["listCompleted"] =>
    async (repository, { since, page = 1 }) => {
      requests.push({ list: name, repository, page });
      if (failing?.error && (failing.of ?? repository) === repository) throw failing.error;
      const all = runs()
        .map((run) => ({ ...UNNAMED, ...run }))
        .filter((run) => of(run) && run.createdAt >= since)
        .toSorted((a, b) => b.id - a.id);
      return { total: all.length, runs: all.slice((page - 1) * PAGE, page * PAGE) };
    };
  const lists: ActionsRunLists = {
    listNewest: list("listNewest", () => true),
    listCompleted: list("listCompleted", ({ status }) => status === "completed"),
  };
  return {
    lists,
    requests,
    /** Every list, or those of one repository, fail with this error; undefined: they work again. */
    fail(error: Error | undefined, of?: string): void {
      failing = { error, of };
    },
  };
}

const UNNAMED = {
  ...{
    htmlUrl: "",
    attempt: 1,
    title: "",
    event: "repository_dispatch",
    workflow: "tests.yml",
    status: "queued",
    conclusion: undefined,
  },
};
