import type { Pull } from "../records.ts";
import type { Repository } from "../repository.ts";
import { type Call, failure, notFound, parseObject, type Reply, type World } from "./reply.ts";
import { userJson } from "./users.ts";

/** Adds labels; those that the repository does not have are made. */
export function addLabels(repository: Repository, call: Call, { base }: World, [number]: readonly string[]): Reply {
  const pull = repository.pulls.get(Number(number));
  if (!pull) return notFound;
  const labels = namesOf(call, "labels");
  if (!labels) return failure(422, `Invalid request.\n\n"labels" wasn't supplied.`);
  add(pull.labels, labels);
  return { status: 200, json: pull.labels.map((name) => labelJson(repository, base, name)) };
}

export function addAssignees(repository: Repository, call: Call, { base }: World, [number]: readonly string[]): Reply {
  const pull = repository.pulls.get(Number(number));
  if (!pull) return notFound;
  add(pull.assignees, namesOf(call, "assignees") ?? []);
  return { status: 201, json: issueJson(repository, base, pull) };
}

function namesOf(call: Call, field: string): string[] | undefined {
  const names = parseObject(call.body)?.[field];
  return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : undefined;
}

function add(all: string[], more: readonly string[]): void {
  for (const each of more) if (!all.includes(each)) all.push(each);
}

export function labelJson({ fullName }: Repository, base: string, name: string) {
  const url = `${base}/repos/${fullName}/labels/${encodeURIComponent(name)}`;
  return { id: 1, node_id: "LA_1", url, name, description: "", color: "ededed", default: false };
}

function issueJson(repository: Repository, base: string, pull: Pull) {
  const { fullName } = repository;
  const url = `${base}/repos/${fullName}/issues/${pull.number}`;
  return {
    id: pull.number,
    node_id: `PR_${pull.number}`,
    number: pull.number,
    url,
    repository_url: `${base}/repos/${fullName}`,
    labels_url: `${url}/labels{/name}`,
    comments_url: `${url}/comments`,
    events_url: `${url}/events`,
    html_url: `https://github.com/${fullName}/pull/${pull.number}`,
    title: pull.title,
    state: pull.state,
    locked: false,
    user: userJson(pull.author),
    labels: pull.labels.map((name) => labelJson(repository, base, name)),
    assignee: pull.assignees[0] === undefined ? null : userJson(pull.assignees[0]),
    assignees: pull.assignees.map(userJson),
    milestone: null,
    comments: 0,
    author_association: "MEMBER",
    closed_at: null,
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
  };
}
