import { ownerAndName } from "../../model/github-names.ts";
import type { CommitCheck } from "../../model/github-reports.ts";
import { oneLine } from "../../model/visible.ts";
import { jsonOf } from "../answer.ts";
import { type Attempted, type Listed, listIn, notUnderstood } from "../failures.ts";
import { annotationsLeft, annotationsToWrite, MAX_ANNOTATIONS, PER_REQUEST } from "./annotations.ts";
import { createOnce, type Reporting, within } from "./reporting.ts";

const MAX_TITLE = 255;

/** GitHub's maximum, in characters. */
const MAX_SUMMARY = 65_535;

/** 50 with GitHub's longest texts have 3 MB. */
const PAGE = 50;

/** GitHub keeps 1,000 of one name. */
const MAX_PAGES = 20;

type Run = { readonly id: number; readonly conclusion: string | undefined; readonly annotations: number };

/**
 * Creates a check, or updates the newest one with this key. GitHub does not change a check that has ended. If it starts
 * again or ends differently, another check with the same name is created, and the newest counts. Annotations can be
 * added but not removed. So if a check has other annotations, another check follows it too.
 * @see https://docs.github.com/en/rest/checks/runs
 */
export async function setCheck(reporting: Reporting, check: CommitCheck): Promise<void> {
  const { ask, brief } = reporting;
  const { repository, sha, name, key, status, conclusion = "neutral", title, summary, detailsUrl } = check;
  const attempted = {
    tried: `writing the check ${name} of ${sha} in ${repository}`,
    repository,
    permission: "Checks: write",
  };
  const isCompleted = status === "completed";
  const all = isCompleted ? annotationsToWrite(attempted, check.annotations ?? [], brief) : [];
  const more = (check.annotations?.length ?? 0) - MAX_ANNOTATIONS;
  const note = isCompleted && more > 0 ? `\n\n${more} more annotations were left out.` : "";
  const output = {
    title: within(brief, oneLine(title), MAX_TITLE),
    summary: `${within(brief, summary || title, MAX_SUMMARY - note.length)}${note}`,
  };
  const contentWith = (annotations: readonly object[]) => ({
    status,
    ...(isCompleted && { conclusion }),
    output: { ...output, ...(annotations.length > 0 && { annotations }) },
    ...(detailsUrl !== undefined && { details_url: detailsUrl }),
  });
  const looking = { ...attempted, tried: `looking for the check ${name} of ${sha} in ${repository}` };
  const look = async () => {
    const route = "GET /repos/{owner}/{repo}/commits/{ref}/check-runs";
    const which = { ...ownerAndName(repository), ref: sha, check_name: name, filter: "all", per_page: PAGE };
    const found: Listed[] = [];
    for (let page = 1; page <= MAX_PAGES; page++) {
      const its = listIn(
        looking,
        await ask(looking, route, page === 1 ? which : { ...which, page }, [200]),
        "check_runs",
      );
      found.push(...its);
      if (its.length < PAGE) break;
    }
    return newestOf(found, key);
  };
  const update = async (id: number, annotations: readonly object[]) => {
    const given = { ...ownerAndName(repository), check_run_id: id, ...contentWith(annotations) };
    // A second try would add them again.
    const once = annotations.length > 0 ? ({ retry: false } as const) : {};
    await ask(attempted, "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}", given, [200], once);
  };

  const known = await look();
  const stands = known && (known.conclusion === undefined || (isCompleted && known.conclusion === conclusion));
  const left = stands ? await annotationsLeft(ask, looking, known, all) : undefined;
  const create = async () => {
    const content = contentWith(all.slice(0, PER_REQUEST));
    const made = { ...ownerAndName(repository), name, head_sha: sha, external_id: key, ...content };
    const answer = await ask(attempted, "POST /repos/{owner}/{repo}/check-runs", made, [201], { retry: false });
    return idOf(attempted, jsonOf(answer));
  };
  const made = async () => {
    const found = await look();
    return found?.id === known?.id ? undefined : found?.id;
  };
  const id = known && left ? known.id : await createOnce(reporting, create, made);
  const rest = left ?? all.slice(PER_REQUEST);
  if (left?.length === 0) await update(id, []);
  for (let at = 0; at < rest.length; at += PER_REQUEST) await update(id, rest.slice(at, at + PER_REQUEST));
}

function idOf(attempted: Attempted, made: unknown): number {
  const { id } = made as { id?: unknown };
  if (typeof id !== "number") throw notUnderstood(attempted);
  return id;
}

function newestOf(runs: readonly Listed[], key: string): Run | undefined {
  const known = runs.flatMap(({ id, external_id, status, conclusion, output }) => {
    if (typeof id !== "number" || external_id !== key) return [];
    const { annotations_count: annotations } = (output ?? {}) as { readonly annotations_count?: unknown };
    return {
      id,
      conclusion: status === "completed" ? String(conclusion) : undefined,
      annotations: typeof annotations === "number" ? annotations : 0,
    };
  });
  return known.toSorted((a, b) => b.id - a.id)[0];
}
