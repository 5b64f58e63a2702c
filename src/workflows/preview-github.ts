import type { FoundRun, GitHub, RunContext } from "../index.ts";
import { isCommitHash, ownerAndName } from "../model/github-names.ts";
import type { Preview, Pull } from "./preview-input.ts";
import { timeMayHelp } from "./report.ts";

// Reads facts about a preview from GitHub, only for reports and links. A missing permission is a warning.

type Means = Pick<RunContext, "log"> & { readonly github: Pick<GitHub, "request"> };

/** The full hash of a tag or an abbreviated hash. Null if the repository shows no such commit. */
export async function shaOf({ github, log }: Means, { repository, commit }: Preview): Promise<string | null> {
  const found = await reading(log, () =>
    github.request(
      "GET /repos/{owner}/{repo}/commits/{ref}",
      { ...ownerAndName(repository), ref: commit, headers: { accept: "application/vnd.github.sha" } },
      { allow: [404, 409, 422] },
    ),
  );
  const sha = hashIn(found?.data) ?? null;
  if (sha === null) log.warn(`${repository} shows no commit ${commit}: gh-runner cannot report on it`);
  return sha;
}

/**
 * The pull request of a commit. If there are several: an open one, then one whose head is the commit, then one with the
 * application's number.
 */
export async function pullOf(
  { github, log }: Means,
  { repository, application }: Preview,
  sha: string,
): Promise<Pull | null> {
  const found = await reading(log, () =>
    github.request(
      "GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls",
      { ...ownerAndName(repository), commit_sha: sha },
      { allow: [404, 409, 422] },
    ),
  );
  const pulls = found?.status === 200 ? found.data : [];
  const numbers: readonly string[] = application.match(/\d+/g) ?? [];
  const rank = ({ state, head, number }: (typeof pulls)[number]) =>
    (state === "open" ? 4 : 0) + (head.sha === sha ? 2 : 0) + (numbers.includes(`${number}`) ? 1 : 0);
  const [best] = [...pulls].sort((one, other) => rank(other) - rank(one) || other.number - one.number);
  if (!best) return null;
  const { number, html_url: url, title, state } = best;
  return { number, url, title, state: state === "open" ? "open" : "closed" };
}

/** True once a pull request is closed. If it cannot be read, the tests are still followed. */
export async function isClosed(
  { github }: Means,
  { repository }: Preview,
  { number }: Pull,
): Promise<true | undefined> {
  const parameters = { ...ownerAndName(repository), pull_number: number };
  const read = github.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", parameters, { retry: false });
  const pull = await read.catch(() => undefined);
  return pull?.data.state === "closed" ? true : undefined;
}

/** How many times GitHub has run it. More than once if a person has re-run it there. */
export async function attemptOf({ github }: Means, { repository, runId }: FoundRun): Promise<number> {
  const parameters = { ...ownerAndName(repository), run_id: runId };
  const { data } = await github.request("GET /repos/{owner}/{repo}/actions/runs/{run_id}", parameters, {
    allow: [404],
  });
  return data.run_attempt ?? 1;
}

/** The hash in an answer of the media type `application/vnd.github.sha`. The body of an error has none. */
export function hashIn(data: unknown): string | undefined {
  const text = String(data).trim();
  return isCommitHash(text) ? text : undefined;
}

async function reading<Answer>(log: Means["log"], read: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await read();
  } catch (error) {
    if (timeMayHelp(error)) throw error;
    log.warn(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}
