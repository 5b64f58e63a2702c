import { type Check, warning } from "../../model/check.ts";
import { ownerAndName } from "../files.ts";
import { jsonOf } from "../json-of.ts";
import type { Inspection } from "../open-github.ts";

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
export async function lookUp(
  { ask }: Inspection,
  repository: string,
  permission: "Contents: read" | "Contents: write",
): Promise<RepositoryFacts> {
  const tried = `looking up the repository ${repository}`;
  const route = "GET /repos/{owner}/{repo}";
  const answer = await ask({ tried, repository, permission }, route, ownerAndName(repository), [200]);
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

/** GitHub redirects from a former name until somebody else takes it. */
export function renamed(check: string, setting: string, before: string, { fullName }: RepositoryFacts): Check[] {
  if (fullName.toLowerCase() === before.toLowerCase()) return [];
  return [warning(check, `${before} is called ${fullName} now; GitHub redirects`, `Set ${setting} to ${fullName}.`)];
}
