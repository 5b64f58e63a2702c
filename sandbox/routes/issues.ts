import type { Issue, Pull } from "../issues.ts";
import type { Repository } from "../repository.ts";
import { issueJson } from "./issue-json.ts";
import {
  type Call,
  failure,
  ISSUES_READ,
  ISSUES_WRITE,
  listed,
  loginOf,
  notFound,
  parseObject,
  type Reply,
  type RepositoryHandler,
  type RepositoryRoute,
  type World,
} from "./reply.ts";

type WithIssue = (
  repository: Repository,
  issue: Issue | Pull,
  call: Call,
  world: World,
  more: readonly string[],
) => Reply;

/** Finds the issue or pull request with the number in the first parameter. */
export function withIssue(then: WithIssue): RepositoryHandler {
  return (repository, call, world, [number, ...more]) => {
    const issue = repository.issue(Number(number));
    return issue ? then(repository, issue, call, world, more) : notFound;
  };
}

/** Records an event of an issue, which updates the issue. */
export function note(
  repository: Repository,
  issue: Issue,
  call: Call,
  world: World,
  about: { readonly event: string; readonly label?: string; readonly assignee?: string },
): void {
  issue.updatedAt = world.now();
  const id = repository.events.length + 1;
  repository.events.push({ id, issue: issue.number, actor: loginOf(call, world), createdAt: world.now(), ...about });
}

/** Newest first, unless another order is requested. As at GitHub, they include pull requests. */
const listIssues: RepositoryHandler = (repository, call, world) => {
  const { query } = call;
  const asked = Object.entries(FILTERS).flatMap(([name, holds]) => {
    const value = query.get(name);
    return value === null || value === "" ? [] : [(issue: Issue) => holds(issue, value)];
  });
  const state = query.get("state") ?? "open";
  const all = [...repository.issues.values(), ...repository.pulls.values()];
  const found = all.filter((issue) => (state === "all" || issue.state === state) && asked.every((each) => each(issue)));
  const by = ORDERS[query.get("sort") ?? "created"] ?? ORDERS.created!;
  const sign = query.get("direction") === "asc" ? 1 : -1;
  const sorted = found.sort((a, b) => sign * (by(a, repository) - by(b, repository) || a.number - b.number));
  return listed(sorted, call, world, (issue) => issueJson(repository, world, issue));
};

type Filter = (issue: Issue, value: string) => boolean;

/** @see https://docs.github.com/en/rest/issues/issues#list-repository-issues */
const FILTERS: Readonly<Record<string, Filter>> = {
  labels: ({ labels }, names) => names.split(",").every((name) => includes(labels, name.trim())),
  assignee: ({ assignees }, who) => isOneOf(assignees, who),
  milestone: ({ milestone }, which) => isOneOf(milestone === null ? [] : [String(milestone)], which),
  type: ({ type }, which) => isOneOf(type === null ? [] : [type], which),
  creator: ({ author }, login) => author.toLowerCase() === login.toLowerCase(),
  since: ({ updatedAt }, time) => updatedAt >= Date.parse(time),
};

/** `*` is any, `none` is none. */
function isOneOf(values: readonly string[], wanted: string): boolean {
  if (wanted === "*") return values.length > 0;
  return wanted === "none" ? values.length === 0 : includes(values, wanted);
}

const includes = (values: readonly string[], wanted: string) =>
  values.some((each) => each.toLowerCase() === wanted.toLowerCase());

const ORDERS: Readonly<Record<string, (issue: Issue, repository: Repository) => number>> = {
  created: ({ createdAt }) => createdAt,
  updated: ({ updatedAt }) => updatedAt,
  comments: ({ number }, { comments }) => comments.filter(({ issue }) => issue === number).length,
};

const showIssue = withIssue((repository, issue, _call, world) => ({
  status: 200,
  json: issueJson(repository, world, issue),
}));

const createIssue: RepositoryHandler = (repository, call, world) => {
  const { title, ...given } = parseObject(call.body) ?? {};
  if (title === undefined || title === "") return failure(422, `Invalid request.\n\n"title" wasn't supplied.`);
  const now = world.now();
  const author = loginOf(call, world);
  const issue = repository.openIssue({ author, title: String(title), createdAt: now });
  const problem = change(repository, issue, given, call, world);
  if (problem) {
    repository.issues.delete(issue.number);
    return problem;
  }
  const url = `${world.base}/repos/${repository.fullName}/issues/${issue.number}`;
  return { status: 201, headers: { location: url }, json: issueJson(repository, world, issue) };
};

const updateIssue = withIssue((repository, issue, call, world) => {
  const given = parseObject(call.body);
  if (!given) return failure(400, "Problems parsing JSON");
  const problem = change(repository, issue, given, call, world);
  return problem ?? { status: 200, json: issueJson(repository, world, issue) };
});

/**
 * Applies the given changes to an issue or a pull request. If one is invalid, changes nothing and returns an answer.
 */
function change(
  repository: Repository,
  issue: Issue,
  given: Readonly<Record<string, unknown>>,
  call: Call,
  world: World,
): Reply | undefined {
  const { title, body, labels, assignees, milestone, state, type } = given;
  const isState = state === undefined || state === "open" || state === "closed";
  if (!isState || (typeof milestone === "number" && !repository.milestones.has(milestone))) {
    return failure(422, "Validation Failed");
  }
  if (typeof title === "string") issue.title = title;
  if (typeof body === "string" || body === null) issue.body = body;
  if (typeof type === "string" || type === null) issue.type = type;
  if (milestone !== undefined) issue.milestone = milestone === null ? null : Number(milestone);
  if (Array.isArray(labels)) setLabels(repository, issue, labels.map(nameOf), call, world);
  if (Array.isArray(assignees)) issue.assignees.splice(0, Number.POSITIVE_INFINITY, ...assignees.map(String));
  issue.updatedAt = world.now();
  if (state !== undefined && state !== issue.state) {
    const isClosed = state === "closed";
    const reason = given.state_reason ?? (isClosed ? "completed" : "reopened");
    const closedBy = isClosed ? loginOf(call, world) : null;
    Object.assign(issue, { state, stateReason: reason, closedAt: isClosed ? world.now() : null, closedBy });
    note(repository, issue, call, world, { event: isClosed ? "closed" : "reopened" });
  }
  return undefined;
}

/** Labels are names, or objects with a name. */
export const nameOf = (label: unknown): string =>
  typeof label === "object" && label !== null && "name" in label ? String(label.name) : String(label);

/** Gives an issue exactly these labels. Creates labels that the repository does not have. */
export function setLabels(repository: Repository, issue: Issue, names: readonly string[], call: Call, world: World) {
  const wanted = [...new Set(names.map((name) => repository.label(name).name))];
  for (const label of issue.labels.filter((name) => !wanted.includes(name))) {
    note(repository, issue, call, world, { event: "unlabeled", label });
  }
  for (const label of wanted.filter((name) => !issue.labels.includes(name))) {
    note(repository, issue, call, world, { event: "labeled", label });
  }
  issue.labels.splice(0, Number.POSITIVE_INFINITY, ...wanted);
}

const addAssignees = withIssue((repository, issue, call, world) => {
  for (const assignee of namesOf(call, "assignees") ?? []) {
    if (includes(issue.assignees, assignee)) continue;
    issue.assignees.push(assignee);
    note(repository, issue, call, world, { event: "assigned", assignee });
  }
  return { status: 201, json: issueJson(repository, world, issue) };
});

const removeAssignees = withIssue((repository, issue, call, world) => {
  for (const assignee of namesOf(call, "assignees") ?? []) {
    if (!issue.assignees.includes(assignee)) continue;
    issue.assignees.splice(issue.assignees.indexOf(assignee), 1);
    note(repository, issue, call, world, { event: "unassigned", assignee });
  }
  return { status: 200, json: issueJson(repository, world, issue) };
});

/** A list of names in the body. Undefined if it is not one. */
function namesOf(call: Call, field: string): string[] | undefined {
  const names = parseObject(call.body)?.[field];
  return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : undefined;
}

const LOCK_REASONS = ["off-topic", "too heated", "resolved", "spam"];

const lock = withIssue((repository, issue, call, world) => {
  const reason = parseObject(call.body)?.lock_reason ?? null;
  if (reason !== null && !LOCK_REASONS.includes(String(reason))) return failure(422, "Validation Failed");
  Object.assign(issue, { locked: true, lockReason: reason });
  note(repository, issue, call, world, { event: "locked" });
  return { status: 204 };
});

const unlock = withIssue((repository, issue, call, world) => {
  Object.assign(issue, { locked: false, lockReason: null });
  note(repository, issue, call, world, { event: "unlocked" });
  return { status: 204 };
});

export const issueRoutes: readonly RepositoryRoute[] = [
  ["GET /issues", ISSUES_READ, listIssues],
  ["POST /issues", "issues=write", createIssue],
  ["GET /issues/{issue_number}", ISSUES_READ, showIssue],
  ["PATCH /issues/{issue_number}", ISSUES_WRITE, updateIssue],
  ["POST /issues/{issue_number}/assignees", ISSUES_WRITE, addAssignees],
  ["DELETE /issues/{issue_number}/assignees", ISSUES_WRITE, removeAssignees],
  ["PUT /issues/{issue_number}/lock", ISSUES_WRITE, lock],
  ["DELETE /issues/{issue_number}/lock", ISSUES_WRITE, unlock],
];
