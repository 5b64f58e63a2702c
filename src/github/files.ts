import { isFailure, PermanentFailure } from "../model/failure.ts";
import type { GitHub } from "../model/github.ts";
import { ownerAndName } from "../model/github-names.ts";
import type { Answer } from "./answer.ts";
import type { Ask, Asking } from "./ask.ts";
import type { Attempted } from "./failures.ts";

/**
 * The first of these files that exists. All are requested at the same time, and the earliest wins. A later file counts
 * only if every earlier one is known to be absent. So a fault never leads to another file's content.
 *
 * GitHub answers 404 for a missing file and for a repository that the token cannot see. If every file is missing, a
 * request for the repository itself tells the two apart.
 */
export async function firstFile(
  { ask, makeRoom, lookAgain }: Pick<Asking, "ask" | "makeRoom" | "lookAgain">,
  repository: string,
  paths: readonly string[],
  { ref, beforeWritingTo, justPushed }: NonNullable<Parameters<GitHub["firstFile"]>[2]>,
): Promise<{ path: string; text: string } | undefined> {
  if (beforeWritingTo !== undefined) {
    const tried = `reading ${paths.join(" or ")} in ${repository}, in order to write to ${beforeWritingTo},`;
    await makeRoom({ tried, repository: beforeWritingTo, permission: "Contents: write" });
  }
  const look = () => firstOf(ask, repository, paths, ref);
  const isMissingRef = (error: unknown) => isFailure(error) && error.facts.about === "ref";
  const found = await (justPushed ? lookAgain(look, isMissingRef) : look());
  if (found === undefined) await requireVisible(ask, repository);
  return found;
}

async function firstOf(
  ask: Ask,
  repository: string,
  paths: readonly string[],
  ref: string | undefined,
): Promise<{ path: string; text: string } | undefined> {
  const lookups = paths.map((path) => ({ path, text: readFile(ask, repository, path, ref) }));
  // A later lookup may fail after an earlier one has decided. Ignore that failure.
  for (const { text } of lookups) text.catch(() => {});

  for (const { path, text } of lookups) {
    const found = await text;
    if (found !== undefined) return { path, text: found };
  }
  return undefined;
}

/**
 * The file's text. Undefined if GitHub answers 404. It is read through the API: raw.githubusercontent.com caches for
 * 300 s.
 */
async function readFile(
  ask: Ask,
  repository: string,
  path: string,
  ref: string | undefined,
): Promise<string | undefined> {
  const attempted = { tried: `reading ${path} in ${repository}`, repository, permission: "Contents: read" };
  const answer = await ask(
    attempted,
    "GET /repos/{owner}/{repo}/contents/{path}",
    {
      ...ownerAndName(repository),
      path,
      ...(ref ? { ref } : {}),
      headers: { accept: "application/vnd.github.raw+json" },
    },
    // A ref that does not exist gives a 404 with another message, or a 422.
    ref ? [200, 404, 422] : [200, 404],
    { rememberAs: JSON.stringify([repository, path, ref]) },
  );
  if (answer.status === 422 || (ref && /^No commit found for the ref/i.test(answer.message))) {
    throw missingRef(attempted, answer, ref ?? "");
  }
  if (answer.status === 404) return undefined;
  // A file has a media type of GitHub's. A directory's listing is plain JSON.
  if (/^application\/json\b/i.test(answer.headers["content-type"] ?? "")) {
    throw new PermanentFailure({
      tried: attempted.tried,
      happened: "the path is a directory or a submodule, not a file",
      remedy: "Name the path of a file.",
      about: "path",
    });
  }
  return textOf(answer.bytes, attempted);
}

/**
 * The text of a file in UTF-8, or in UTF-16 with a byte order mark. Invalid bytes are an error and are never replaced.
 */
export function textOf(bytes: Uint8Array, { tried }: Attempted): string {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new PermanentFailure({
      tried,
      happened: `the file is not valid ${encoding.toUpperCase()}`,
      remedy: "Save it as UTF-8: an editor or a script has written it in another encoding.",
      cause,
    });
  }
}

/**
 * Whether a repository has a commit of this name: a hash, whole or abbreviated, or a tag. A branch does not count:
 * GitHub resolves it too, but tomorrow it names another commit.
 */
export async function hasCommit(ask: Ask, repository: string, name: string): Promise<boolean> {
  // No such name can be a commit in git. In a path, the dots would also name something else.
  if (/(^|\/)\.{1,2}(\/|$)|\p{Cc}/u.test(name) || name.length > MAX_REF_CHARACTERS || !name.isWellFormed())
    return false;
  const hash = MAYBE_HASH.test(name) ? await hashOf(ask, repository, name) : undefined;
  return hash?.startsWith(name.toLowerCase()) || (await hashOf(ask, repository, `tags/${name}`)) !== undefined;
}

/** Git abbreviates a hash to 4 digits or more. */
const MAYBE_HASH = /^[0-9a-f]{4,64}$/i;

/**
 * The hash of the commit that GitHub finds. Requests only the hash, because the whole commit includes its changes.
 * GitHub answers 422 if there is no such commit, and 409 if the repository has no commits.
 * @param ref a hash, or `tags/NAME`.
 * @see https://docs.github.com/en/rest/commits/commits#get-a-commit
 */
async function hashOf(ask: Ask, repository: string, ref: string): Promise<string | undefined> {
  const answer = await ask(
    { tried: `looking up the commit ${ref} in ${repository}`, repository, permission: "Contents: read" },
    "GET /repos/{owner}/{repo}/commits/{ref}",
    { ...ownerAndName(repository), ref, headers: { accept: "application/vnd.github.sha" } },
    [200, 404, 409, 422],
  );
  if (answer.status === 404) await requireVisible(ask, repository);
  if (answer.status !== 200) return undefined;
  // Any other 200 below this path is not a hash.
  return /^[0-9a-f]{40,64}$/.exec(new TextDecoder().decode(answer.bytes).trim())?.[0];
}

/** Also the maximum for a ref in a request. */
const MAX_REF_CHARACTERS = 255;

function missingRef(attempted: Attempted, { status, message, headers }: Answer, ref: string): PermanentFailure {
  return new PermanentFailure(
    {
      tried: attempted.tried,
      happened: `GitHub answered ${status} "${message}" (request id ${headers["x-github-request-id"] ?? "unknown"})`,
      remedy: `Check that ${ref} is a branch, tag or commit of ${attempted.repository}.`,
      about: "ref",
    },
    404,
  );
}

async function requireVisible(ask: Ask, repository: string): Promise<void> {
  await ask(
    { tried: `looking up the repository ${repository}`, repository, permission: "Contents: read" },
    "GET /repos/{owner}/{repo}",
    ownerAndName(repository),
    [200],
  );
}
