import { jsonOf } from "./answer.ts";
import type { Ask } from "./ask.ts";
import { ownerAndName } from "./files.ts";

/** What GitHub tells of a repository. */
export type RepositoryFacts = {
  /** owner/name, as it is now. */
  readonly fullName: string;
  readonly defaultBranch: string;
  readonly archived: boolean;
  readonly isPrivate: boolean;
  /** Whether the user behind the token may write to it. */
  readonly push: boolean;
};

/** Throws a `Failure` when the repository is not there, or hidden from the token. */
export async function repositoryFacts(ask: Ask, repository: string, permission: string): Promise<RepositoryFacts> {
  const attempted = { tried: `looking up the repository ${repository}`, repository, permission };
  const answer = await ask(attempted, "GET /repos/{owner}/{repo}", ownerAndName(repository), [200]);
  const facts = jsonOf(answer) as {
    full_name?: string;
    default_branch?: string;
    archived?: boolean;
    private?: boolean;
    permissions?: { push?: boolean };
  };
  return {
    fullName: facts.full_name ?? repository,
    defaultBranch: facts.default_branch ?? "main",
    archived: facts.archived === true,
    isPrivate: facts.private !== false,
    push: facts.permissions?.push === true,
  };
}
