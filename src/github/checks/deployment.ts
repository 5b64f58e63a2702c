import { type Check, ok, problem, warning } from "../../model/check.ts";
import { whatCame } from "../failures.ts";
import { ownerAndName } from "../files.ts";
import { failed } from "./failed.ts";
import type { CheckNeeds } from "./needs.ts";
import { lookUp, type RepositoryFacts, renamed } from "./repository.ts";

const NAME = "deployment repository";

/** Whether the values files' repository is there, may be read, and has the ref that they are read at. */
export async function checkDeployment(needs: CheckNeeds): Promise<Check[]> {
  const { deploymentRepo, inspection } = needs;
  if (deploymentRepo === undefined) return [];
  let facts: RepositoryFacts;
  try {
    facts = await lookUp(inspection, deploymentRepo, "Contents: read");
  } catch (error) {
    return [failed(NAME, error)];
  }
  const moved = renamed(NAME, "DEPLOYMENT_REPO", deploymentRepo, facts);
  const archived = facts.archived
    ? [warning(NAME, `${facts.fullName} is archived: nothing in it changes any more`, "Check DEPLOYMENT_REPO.")]
    : [];
  const remarks = [...moved, ...archived];
  return [
    ...(remarks.length > 0 ? remarks : [ok(NAME, `${facts.fullName} is visible`)]),
    await checkRef(needs, deploymentRepo, facts),
  ];
}

/** Reads a commit, which needs the same permission as reading a file. */
async function checkRef(
  { inspection, deploymentRef }: CheckNeeds,
  repository: string,
  { defaultBranch }: RepositoryFacts,
): Promise<Check> {
  const ref = deploymentRef ?? defaultBranch;
  const attempted = { tried: `reading ${ref} of ${repository}`, repository, permission: "Contents: read" };
  try {
    const answer = await inspection.ask(
      attempted,
      "GET /repos/{owner}/{repo}/commits/{ref}",
      { ...ownerAndName(repository), ref, headers: { accept: "application/vnd.github.sha" } },
      [200, 409, 422],
    );
    const which = deploymentRef === undefined ? `the default branch ${ref}` : `DEPLOYMENT_REF ${ref}`;
    if (answer.status === 200) {
      const commit = new TextDecoder().decode(answer.bytes).slice(0, 7);
      return ok("deployment ref", `${which} can be read, and is at ${commit}`);
    }
    if (answer.status === 409) {
      return problem("deployment ref", `${repository} is empty: ${whatCame(answer)}`, "Check DEPLOYMENT_REPO.");
    }
    return problem(
      "deployment ref",
      `${repository} has no ${ref}: ${whatCame(answer)}`,
      "Set DEPLOYMENT_REF to a branch, tag or commit, or unset it to read the default branch.",
    );
  } catch (error) {
    return failed("deployment ref", error);
  }
}
