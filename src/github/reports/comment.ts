import { markerOf } from "../../model/comment-key.ts";
import { PermanentFailure } from "../../model/failure.ts";
import { ownerAndName } from "../../model/github-names.ts";
import type { KeyedComment } from "../../model/github-reports.ts";
import { jsonOf } from "../answer.ts";
import type { Ask } from "../ask.ts";
import { type Attempted, type Listed, listIn } from "../failures.ts";
import { createOnce, isSameText, type Reporting, within } from "./reporting.ts";

/** GitHub's maximum, in characters. */
const MAX_BODY = 65_536;

const KEY = /^[\w./-]{1,100}$/;

/** GitHub's wording. Either of the two is enough. */
const PERMISSIONS = ["Pull requests: write", "Issues: write"] as const;

/** 50 comments of GitHub's maximum length have 3 MB. */
const PAGE = 50;
const MAX_PAGES = 60;

type Comment = { readonly id: number; readonly body: string };

/**
 * Writes the comment with this key, or updates it. It is found by an HTML comment at its beginning, which pages do not
 * show, and by its author. A comment of another author is never touched. If a lost answer has left two, the older one
 * is updated and the other is deleted.
 * @see https://docs.github.com/en/rest/issues/comments
 */
export async function setComment(reporting: Reporting, comment: KeyedComment): Promise<void> {
  const { ask, brief } = reporting;
  const { repository, number, key, body } = comment;
  const where = `${repository}#${number}`;
  if (!KEY.test(key)) {
    throw new PermanentFailure({
      tried: `writing a comment on ${where}`,
      happened: `its key is ${JSON.stringify(brief(key, 100))}`,
      remedy: "Use 1 to 100 letters, digits, and . _ / - in a key.",
      sent: false,
    });
  }
  const attempted = {
    tried: `writing the comment ${key} on ${where}`,
    repository,
    permission: "",
    either: PERMISSIONS,
  };
  const marker = markerOf(key);
  const text = `${marker}\n${within(brief, body, MAX_BODY - marker.length - 1)}`;
  const repositoryOf = ownerAndName(repository);
  const issue = { ...repositoryOf, issue_number: number };
  const looking = { ...attempted, tried: `looking for the comment ${key} on ${where}` };
  const look = () => commentsWith(reporting, looking, issue, marker);

  const [known, ...others] = await look();
  if (known === undefined) {
    const create = async () => {
      const route = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";
      await ask(attempted, route, { ...issue, body: text }, [201], { retry: false });
      return true;
    };
    await createOnce(reporting, create, async () => (await look()).length > 0 || undefined);
    return;
  }
  const one = "/repos/{owner}/{repo}/issues/comments/{comment_id}";
  if (!isSameText(known.body, text)) {
    await ask(attempted, `PATCH ${one}`, { ...repositoryOf, comment_id: known.id, body: text }, [200]);
  }
  for (const { id } of others) await ask(attempted, `DELETE ${one}`, { ...repositoryOf, comment_id: id }, [204, 404]);
}

/** The comments of this client that begin with the marker, oldest first. */
async function commentsWith(
  { ask }: Reporting,
  attempted: Attempted,
  issue: Readonly<Record<string, string | number>>,
  marker: string,
): Promise<readonly Comment[]> {
  for (let page = 1; page <= MAX_PAGES; page++) {
    const route = "GET /repos/{owner}/{repo}/issues/{issue_number}/comments";
    const all = listIn(attempted, await ask(attempted, route, { ...issue, per_page: PAGE, page }, [200]));
    const marked = all.filter(({ body }) => typeof body === "string" && body.startsWith(marker));
    const isOurs = marked.length > 0 ? await authorship(ask, attempted) : () => false;
    const ours = marked.filter(isOurs);
    if (ours.length > 0) return ours.map(({ id, body }) => ({ id: Number(id), body: String(body) }));
    if (all.length < PAGE) return [];
  }
  return [];
}

/**
 * Finds the comments of the token's user. GitHub does not tell an App's token its user. Then it takes the comments of
 * bots, because such a token writes as a bot.
 */
async function authorship(ask: Ask, { repository }: Attempted): Promise<(comment: Listed) => boolean> {
  const attempted = { tried: "asking GitHub who owns the token", repository, permission: "" };
  const { login } = jsonOf(await ask(attempted, "GET /user", {}, [200, 403, 404])) as { login?: unknown };
  return ({ user }) => {
    const author = user as Listed | null | undefined;
    return typeof login === "string" ? author?.login === login : author?.type === "Bot";
  };
}
