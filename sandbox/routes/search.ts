import { reaches } from "../credentials.ts";
import type { Issue, Pull } from "../issues.ts";
import type { Repository } from "../repository.ts";
import { commitJson } from "./commits.ts";
import { issueJson } from "./issue-json.ts";
import { badCredentials, type Call, failure, type Handler, pageOf, timeOf, userJson, type World } from "./reply.ts";
import { repositoryJson } from "./repositories.ts";
import { isWithin } from "./runs.ts";

/** The maximum results of a search: https://docs.github.com/en/rest/search/search#about-search */
const MAX_FOUND = 1000;

/** One part of a search: `label:"good first issue","bug"`, `-is:locked`, or a word. */
type Term = { readonly not: boolean; readonly name: string; readonly value: string };

function termsOf(query: string): readonly Term[] {
  const terms = query.matchAll(/(-)?(?:([a-z-]+):)?((?:"[^"]*"|[^\s"]+)+)/g);
  return [...terms].map(([, not, name = "", value = ""]) => ({
    not: not !== undefined,
    name,
    value: value.replaceAll('"', ""),
  }));
}

type Holds = (issue: Issue | Pull, value: string, repository: Repository) => boolean | undefined;

const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();

const is: Holds = (issue, value, repository) => {
  const isPull = repository.pulls.has(issue.number);
  switch (value) {
    case "issue":
      return !isPull;
    case "pr":
    case "pull-request":
      return isPull;
    case "open":
    case "closed":
      return issue.state === value;
    case "locked":
      return issue.locked;
    case "unlocked":
      return !issue.locked;
    case "merged":
      return "merged" in issue && issue.merged === true;
    case "unmerged":
      return isPull && !("merged" in issue && issue.merged);
    case "draft":
      return "draft" in issue && issue.draft;
    case "private":
    case "public":
      return repository.isPrivate === (value === "private");
    default:
      return undefined;
  }
};

/**
 * The qualifiers of an issue search. Undefined for an invalid value.
 * @see https://docs.github.com/en/search-github/searching-on-github/searching-issues-and-pull-requests
 */
const QUALIFIERS: Readonly<Record<string, Holds>> = {
  "": ({ title, body }, word) => `${title}\n${body}`.toLowerCase().includes(word.toLowerCase()),
  repo: (_issue, name, { fullName }) => same(fullName, name),
  org: (_issue, name, { fullName }) => same(fullName.split("/")[0] ?? "", name),
  user: (_issue, name, { fullName }) => same(fullName.split("/")[0] ?? "", name),
  is,
  type: is,
  state: is,
  draft: (issue, value) => String("draft" in issue && issue.draft) === value,
  author: ({ author }, login) => same(author, login),
  assignee: ({ assignees }, login) => assignees.some((each) => same(each, login)),
  label: ({ labels }, names) => names.split(",").some((name) => labels.some((each) => same(each, name))),
  milestone: ({ milestone }, title, { milestones }) => same(milestones.get(milestone ?? 0)?.title ?? "", title),
  reason: ({ stateReason }, reason) => same((stateReason ?? "").replace("_", " "), reason),
  no: (issue, what) => {
    const has = { label: issue.labels.length, assignee: issue.assignees.length, milestone: issue.milestone };
    return what in has ? !has[what as keyof typeof has] : undefined;
  },
  created: ({ createdAt }, range) => isWithin(timeOf(createdAt), range),
  updated: ({ updatedAt }, range) => isWithin(timeOf(updatedAt), range),
  closed: ({ closedAt }, range) => closedAt !== null && isWithin(timeOf(closedAt), range),
  merged: (issue, range) => "merged" in issue && issue.merged === true && isWithin(timeOf(issue.closedAt ?? 0), range),
  head: (issue, ref) => "head" in issue && issue.head.ref === ref,
  sort: () => true,
  in: () => true,
};

const INVALID = failure(422, "Validation Failed");

const searchIssues: Handler = (call, world) => {
  const repositories = visible(call, world);
  if (!repositories) return badCredentials;
  const terms = termsOf(call.query.get("q") ?? "");
  const isKnown = ({ name, value }: Term) =>
    name in QUALIFIERS && (!["is", "type", "state", "no"].includes(name) || IS.has(value));
  if (terms.length === 0 || !terms.every(isKnown)) return INVALID;
  const found = repositories.flatMap((repository) =>
    [...repository.issues.values(), ...repository.pulls.values()]
      .filter((issue) => terms.every(({ not, name, value }) => QUALIFIERS[name]?.(issue, value, repository) !== not))
      .map((issue) => ({ issue, repository })),
  );
  const sort = call.query.get("sort") ?? terms.find(({ name }) => name === "sort")?.value.split("-")[0] ?? "created";
  const sign = (call.query.get("order") ?? "desc") === "asc" ? 1 : -1;
  const by = ({ issue }: (typeof found)[number]) => (sort === "updated" ? issue.updatedAt : issue.createdAt);
  found.sort((a, b) => sign * (by(a) - by(b) || a.issue.number - b.issue.number));
  return answer(
    found,
    call,
    world,
    ({ issue, repository }) => ({ ...issueJson(repository, world, issue), body: issue.body ?? "" }),
    "lexical",
  );
};

const IS = new Set(
  "issue pr pull-request open closed locked unlocked merged unmerged draft private public label assignee milestone".split(
    " ",
  ),
);

/** The newest commit of each branch: commits have no history here. */
const searchCommits: Handler = (call, world) => {
  const repositories = visible(call, world);
  if (!repositories) return badCredentials;
  const terms = termsOf(call.query.get("q") ?? "");
  if (terms.length === 0) return INVALID;
  const found = repositories.flatMap((repository) =>
    [...new Set(repository.branches().flatMap((name) => repository.commitOf(name) ?? []))].flatMap((sha) => {
      const json = {
        ...commitJson(repository, world.base, sha, sha),
        committer: { ...userJson("octocat"), email: "octocat@github.com" },
        repository: repositoryJson(repository, world.base),
      };
      const holds = ({ name, value }: Term) =>
        name === "repo"
          ? same(repository.fullName, value)
          : name === "org" || name === "user"
            ? same(repository.fullName.split("/")[0] ?? "", value)
            : name === "hash"
              ? sha.startsWith(value)
              : name !== "" || json.commit.message.toLowerCase().includes(value.toLowerCase());
      return terms.every((term) => holds(term) !== term.not) ? [json] : [];
    }),
  );
  return answer(found, call, world, (json) => json);
};

/** The repositories that a token sees. Undefined for an unknown token. */
function visible({ token }: Call, { credentials, repositories }: World): readonly Repository[] | undefined {
  const grant = credentials.grantOf(token);
  return grant && repositories.all().filter((each) => !each.isPrivate || reaches(grant, each));
}

function answer<Found>(
  found: readonly Found[],
  call: Call,
  world: World,
  json: (each: Found) => object,
  searchType?: string,
) {
  const { items, headers } = pageOf(found.slice(0, MAX_FOUND), call, world);
  return {
    status: 200,
    headers,
    json: {
      ...{ total_count: found.length, incomplete_results: false },
      ...(searchType === undefined ? {} : { search_type: searchType }),
      items: items.map((each) => ({ ...json(each), score: 1 })),
    },
  };
}

export const searchRoutes: readonly (readonly [string, Handler])[] = [
  ["GET /search/issues", searchIssues],
  ["GET /search/commits", searchCommits],
];
