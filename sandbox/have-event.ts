import { at, eventFacts } from "../src/model/event-facts.ts";
import type { StandInGitHub } from "./github.ts";
import type { Repository } from "./repository.ts";

/**
 * Gives the stand-in what an event is about, as GitHub has it when it sends the event: its repository, its commit, its
 * issue or pull request, and the comment. Existing objects stay unchanged. Payloads may be incomplete, and ticks of a
 * schedule have none.
 */
export function haveEvent(github: StandInGitHub, event: { readonly name?: string; readonly payload?: unknown }): void {
  const { name = "", payload } = event;
  const { repository: fullName, sha, issue, pull } = eventFacts({ name, payload });
  if (fullName === undefined) return;
  const repository = github.repository(fullName);
  if (sha !== undefined) repository.addCommit(sha);
  const number = issue ?? pull;
  if (number === undefined) return;
  const given = at(payload, "pull_request") ?? at(payload, "issue");
  if (!repository.issue(number)) haveIssue(repository, number, given, pull !== undefined);
  const id = at(payload, "comment", "id");
  if (name !== "issue_comment" || typeof id !== "number") return;
  if (repository.comments.some((comment) => comment.id === id)) return;
  const author = text(at(payload, "comment", "user", "login")) ?? "octocat";
  repository.comments.push({ id, issue: number, author, body: text(at(payload, "comment", "body")) ?? "" });
}

function haveIssue(repository: Repository, number: number, given: unknown, isPull: boolean): void {
  const facts = {
    number,
    title: text(at(given, "title")),
    body: text(at(given, "body")),
    author: text(at(given, "user", "login")),
    authorAssociation: text(at(given, "author_association")),
    state: at(given, "state") === "closed" ? ("closed" as const) : undefined,
    labels: namesIn(at(given, "labels"), "name"),
    assignees: namesIn(at(given, "assignees"), "login"),
    locked: at(given, "locked") === true || undefined,
  };
  const ref = text(at(given, "head", "ref"));
  const sha = text(at(given, "head", "sha"));
  const ofPull = {
    head: ref !== undefined && sha !== undefined ? { ref, sha } : undefined,
    base: text(at(given, "base", "ref")),
    draft: at(given, "draft") === true || undefined,
    merged: at(given, "merged") === true || undefined,
  };
  if (isPull) repository.openPull(known({ ...facts, ...ofPull }));
  else repository.openIssue(known(facts));
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

const namesIn = (list: unknown, name: string): string[] =>
  Array.isArray(list) ? list.flatMap((each) => text(at(each, name)) ?? []) : [];

/** Without undefined values. */
function known<Facts extends object>(facts: Facts): { [Name in keyof Facts]: Exclude<Facts[Name], undefined> } {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as never;
}
