import { ownerAndName } from "../model/github-names.ts";
import { jsonOf } from "./answer.ts";
import type { Ask } from "./ask.ts";

/** What GitHub reports about a repository. */
export type RepositoryFacts = {
  /** owner/name, the current one. */
  readonly fullName: string;
  readonly defaultBranch: string;
  readonly archived: boolean;
  readonly isPrivate: boolean;
  /** Whether the user behind the token may write to it. */
  readonly push: boolean;
};

/** Throws a `Failure` if the repository does not exist or the token cannot see it. */
export async function repositoryFacts(ask: Ask, repository: string, permission: string): Promise<RepositoryFacts> {
  const attempted = { tried: `looking up the repository ${repository}`, repository, permission };
  const answer = await ask(attempted, "GET /repos/{owner}/{repo}", ownerAndName(repository), [200]);
  const facts = jsonOf(answer) as {
    full_name?: unknown;
    default_branch?: unknown;
    archived?: unknown;
    private?: unknown;
    permissions?: { push?: unknown } | null;
  };
  return {
    fullName: typeof facts.full_name === "string" ? facts.full_name : repository,
    defaultBranch: typeof facts.default_branch === "string" ? facts.default_branch : "main",
    archived: facts.archived === true,
    isPrivate: facts.private !== false,
    push: facts.permissions?.push === true,
  };
}
