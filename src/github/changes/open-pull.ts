import type { OpenedPull, PullToOpen } from "../../model/changes.ts";
import { PermanentFailure } from "../../model/failure.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { type Answer, jsonOf } from "../answer.ts";
import type { Asking } from "../ask.ts";
import { type Listed, listIn, notUnderstood, whatCame } from "../failures.ts";
import { createOnce, isSameText } from "../reports/reporting.ts";

/** @see https://docs.github.com/en/rest/pulls/pulls */
export async function openPull(
  { ask, lookAgain }: Pick<Asking, "ask" | "lookAgain">,
  pull: PullToOpen,
): Promise<OpenedPull | undefined> {
  const { repository, head, title, body, draft, labels = [] } = pull;
  const attempted = {
    tried: `opening the pull request of ${head} in ${repository}`,
    repository,
    permission: "Pull requests: write",
  };
  const looking = { ...attempted, tried: `looking for the pull request of ${head} in ${repository}` };
  const repo = ownerAndName(repository);
  // The owner may have been renamed, and the list finds the branch only by the current name.
  const about = jsonOf(await ask(looking, "GET /repos/{owner}/{repo}", repo, [200])) as Listed;
  const owner = (about.owner as Listed | undefined)?.login ?? repo.owner;
  const base = pull.base ?? about.default_branch;
  if (typeof base !== "string") throw notUnderstood(looking);

  // The head in a fork has an owner, as in GitHub's parameter. No branch name contains a colon.
  const isOfFork = head.includes(":");
  const ref = head.slice(head.indexOf(":") + 1);

  const look = async () => {
    const given = { ...repo, head: isOfFork ? head : `${owner}:${head}`, base, state: "open" };
    const all = listIn(looking, await ask(looking, "GET /repos/{owner}/{repo}/pulls", given, [200]));
    return all.find((each) => (each.head as Listed | undefined)?.ref === ref);
  };
  const create = async (): Promise<Listed | Answer> => {
    const given = { ...repo, title, head, base, ...(body !== undefined && { body }), ...(draft && { draft }) };
    const options = { retry: false } as const;
    const answer = await ask(attempted, "POST /repos/{owner}/{repo}/pulls", given, [201, 422], options);
    return answer.status === 422 ? answer : (jsonOf(answer) as Listed);
  };

  let open = await look();
  let created = false;
  if (!open) {
    const made = await createOnce<Listed | Answer>({ lookAgain }, create, look);
    if (isAnswer(made)) {
      if (NOTHING_TO_MERGE.test(made.message)) return undefined;
      open = /already exists/i.test(made.message) ? await look() : undefined;
      if (!open) throw rejected(attempted.tried, made);
    } else {
      open = made;
      created = true;
    }
  }
  const { number, html_url = "" } = open;
  if (typeof number !== "number") throw notUnderstood(attempted);
  const differs = open.title !== title || (body !== undefined && !isSameText(String(open.body ?? ""), body));
  if (!created && differs) {
    const given = { ...repo, pull_number: number, title, ...(body !== undefined && { body }) };
    await ask(attempted, "PATCH /repos/{owner}/{repo}/pulls/{pull_number}", given, [200]);
  }
  const known = new Set((open.labels as readonly Listed[] | undefined)?.map(({ name }) => String(name).toLowerCase()));
  const missing = labels.filter((label) => !known.has(label.toLowerCase()));
  if (missing.length > 0) {
    const labelling = { ...attempted, tried: `labelling ${repository}#${number}` };
    const route = "POST /repos/{owner}/{repo}/issues/{issue_number}/labels";
    await ask(labelling, route, { ...repo, issue_number: number, labels: missing }, [200, 201]);
  }
  return { number, htmlUrl: String(html_url), created };
}

const isAnswer = (made: Listed | Answer): made is Answer => "bytes" in made;

/** GitHub's 422: both branches are the same, or the head does not exist. */
const NOTHING_TO_MERGE = /No commits between|"field":"head","code":"invalid"/i;

function rejected(tried: string, answer: Answer): PermanentFailure {
  return new PermanentFailure({
    tried,
    happened: whatCame(answer),
    remedy: "Check the branches and GitHub's message.",
  });
}
