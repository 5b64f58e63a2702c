import { createHash } from "node:crypto";
import type { Changes, WrittenFile } from "../../model/changes.ts";
import { PermanentFailure, TransientFailure } from "../../model/failure.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { type Answer, jsonOf } from "../answer.ts";
import type { Asking, Wait } from "../ask.ts";
import { type Attempted, type Listed, notUnderstood, whatCame } from "../failures.ts";
import { createOnce } from "../reports/reporting.ts";

type Parts = Pick<Asking, "ask" | "lookAgain"> & { readonly wait: Wait };

/** Delays before the further tries after another commit came first, ms. */
const OVERTAKEN_MS = [300, 1000, 3000];

type File = { readonly branch: boolean; readonly sha: string | undefined };

/** @see https://docs.github.com/en/rest/repos/contents#create-or-update-file-contents */
export async function writeFile(
  { ask, lookAgain, wait }: Parts,
  ...[repository, path, text, { message, branch, base }]: Parameters<Changes["writeFile"]>
): Promise<WrittenFile> {
  const where = `${path} ${branch === undefined ? "" : `on ${branch} `}in ${repository}`;
  const permission = path.startsWith(".github/workflows/") ? "Contents: write, Workflows: write" : "Contents: write";
  const attempted = { tried: `writing ${where}`, repository, permission };
  const looking = { ...attempted, tried: `looking at ${where} in order to write it` };
  const repo = ownerAndName(repository);
  const bytes = Buffer.from(text as Uint8Array);
  const wanted = blobOf(bytes);

  const look = async (ref: string | undefined): Promise<File> => {
    const route = "GET /repos/{owner}/{repo}/contents/{path}";
    const answer = await ask(looking, route, { ...repo, path, ...(ref !== undefined && { ref }) }, [200, 404]);
    if (answer.status === 404) return { branch: !/^No commit found for the ref/i.test(answer.message), sha: undefined };
    return { branch: true, sha: fileIn(looking, answer) };
  };
  const put = async (sha: string | undefined): Promise<WrittenFile | Answer> => {
    const given = { message, content: bytes.toString("base64"), ...(sha && { sha }), ...(branch && { branch }) };
    const send = async () => {
      const route = "PUT /repos/{owner}/{repo}/contents/{path}";
      const answer = await ask(attempted, route, { ...repo, path, ...given }, [200, 201, 409, 422], { retry: false });
      return answer.status < 300 ? written((jsonOf(answer) as { commit?: Listed }).commit?.sha) : answer;
    };
    const isThere = async () => ((await look(branch)).sha === wanted ? written(await newestCommit()) : undefined);
    return createOnce({ lookAgain }, send, isThere);
  };
  const newestCommit = async () => {
    const given = { ...repo, path, per_page: 1, ...(branch !== undefined && { sha: branch }) };
    const [newest] = Object.values(jsonOf(await ask(looking, "GET /repos/{owner}/{repo}/commits", given, [200])));
    return (newest as Listed | undefined)?.sha;
  };

  let known = await look(branch);
  if (!known.branch) {
    const from = await startOf(ask, looking, repository, base);
    if (from.branch !== branch) {
      known = await look(from.branch);
      if (known.sha === wanted) return { changed: false };
      const made = { ...repo, ref: `refs/heads/${branch}`, sha: from.sha };
      const making = { ...attempted, tried: `making the branch ${branch} in ${repository}` };
      const answer = await ask(making, "POST /repos/{owner}/{repo}/git/refs", made, [201, 422]);
      if (answer.status === 422 && !/already exists/i.test(answer.message)) throw rejected(making, answer);
    }
  }
  for (const delay of [...OVERTAKEN_MS, undefined]) {
    if (known.sha === wanted) return { changed: false };
    const result = await put(known.sha);
    if ("changed" in result) return result;
    const isRule = /rule violation/i.test(result.message);
    const now = isRule ? known : await look(branch);
    // 409 also comes when another file was committed at the same time. Then this file has not changed.
    if (now.sha === known.sha && (isRule || result.status === 422)) throw rejected(attempted, result);
    if (delay === undefined) throw now.sha === known.sha ? rejected(attempted, result) : overtaken(attempted, result);
    known = now;
    await wait(delay);
  }
  throw new Error("the last try has no delay after it");
}

/** Git's name for these bytes: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects */
function blobOf(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.byteLength}\0`).update(bytes).digest("hex");
}

function written(commit: unknown): WrittenFile {
  return { changed: true, ...(typeof commit === "string" && { commit }) };
}

function fileIn(attempted: Attempted, answer: Answer): string {
  const { type, sha } = jsonOf(answer) as Listed;
  if (type === "file" && typeof sha === "string") return sha;
  throw new PermanentFailure({
    tried: attempted.tried,
    happened: "the path is a directory or a submodule, not a file",
    remedy: "Name the path of a file.",
    about: "path",
  });
}

/** The branch that a new branch starts from, and its commit. */
async function startOf(ask: Asking["ask"], attempted: Attempted, repository: string, base: string | undefined) {
  const repo = ownerAndName(repository);
  const about =
    base ?? (jsonOf(await ask(attempted, "GET /repos/{owner}/{repo}", repo, [200])) as Listed).default_branch;
  if (typeof about !== "string") throw notUnderstood(attempted);
  const looking = { ...attempted, tried: `looking for the branch ${about} in ${repository}` };
  const answer = await ask(looking, "GET /repos/{owner}/{repo}/branches/{branch}", { ...repo, branch: about }, [200]);
  const sha = (jsonOf(answer) as { commit?: Listed }).commit?.sha;
  if (typeof sha !== "string") throw notUnderstood(looking);
  return { branch: about, sha };
}

function rejected({ tried }: Attempted, answer: Answer): PermanentFailure {
  const remedy = "Check the rules of the branch. Or write to another branch and open a pull request for it (openPull).";
  return new PermanentFailure({ tried, happened: whatCame(answer), remedy });
}

function overtaken({ tried }: Attempted, answer: Answer): TransientFailure {
  const remedy = "Nothing to do: others write to the same file, and gh-runner retries the run.";
  return new TransientFailure({ tried, happened: whatCame(answer), remedy, sent: false });
}
