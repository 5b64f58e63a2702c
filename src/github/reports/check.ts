import type { CommitCheck } from "../../model/github.ts";
import { ownerAndName } from "../../model/github.ts";
import { oneLine } from "../../model/visible.ts";
import { type Listed, listIn } from "../failures.ts";
import { createOnce, type Reporting, within } from "./reporting.ts";

const MAX_TITLE = 255;

/** GitHub's most characters. */
const MAX_SUMMARY = 65_535;

/** 50 with GitHub's longest texts have 3 MB. */
const PAGE = 50;

type Run = { readonly id: number; readonly isCompleted: boolean };

/**
 * Makes a check, or updates the newest one with this key. One that has ended stays as it ended: what begins again is another
 * check of the name, and the newest counts, as GitHub has it for re-runs.
 * @see https://docs.github.com/en/rest/checks/runs
 */
export async function setCheck(reporting: Reporting, check: CommitCheck): Promise<void> {
  const { ask, brief } = reporting;
  const { repository, sha, name, key, status, conclusion, title, summary, detailsUrl } = check;
  const attempted = {
    tried: `writing the check ${name} of ${sha} in ${repository}`,
    repository,
    permission: "Checks: write",
  };
  const content = {
    status,
    ...(status === "completed" && { conclusion: conclusion ?? "neutral" }),
    output: { title: within(brief, oneLine(title), MAX_TITLE), summary: within(brief, summary, MAX_SUMMARY) },
    ...(detailsUrl !== undefined && { details_url: detailsUrl }),
  };
  const look = async () => {
    const looking = { ...attempted, tried: `looking for the check ${name} of ${sha} in ${repository}` };
    const answer = await ask(
      looking,
      "GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
      { ...ownerAndName(repository), ref: sha, check_name: name, filter: "all", per_page: PAGE },
      [200],
    );
    return newestOf(listIn(looking, answer, "check_runs"), key);
  };
  const create = async () => {
    const made = { ...ownerAndName(repository), name, head_sha: sha, external_id: key, ...content };
    await ask(attempted, "POST /repos/{owner}/{repo}/check-runs", made, [201], { retry: false });
    return true;
  };

  const known = await look();
  if (known && !(known.isCompleted && status !== "completed")) {
    const update = { ...ownerAndName(repository), check_run_id: known.id, ...content };
    await ask(attempted, "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}", update, [200]);
    return;
  }
  const isThere = async () => {
    const found = await look();
    return (found !== undefined && found.id !== known?.id) || undefined;
  };
  await createOnce(reporting, create, isThere);
}

function newestOf(runs: readonly Listed[], key: string): Run | undefined {
  const known = runs.flatMap(({ id, external_id, status }) =>
    typeof id === "number" && external_id === key ? [{ id, isCompleted: status === "completed" }] : [],
  );
  return known.toSorted((a, b) => b.id - a.id)[0];
}
