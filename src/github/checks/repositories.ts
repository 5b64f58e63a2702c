import { type Check, ok, problem, warning } from "../../model/check.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { whatCame } from "../failures.ts";
import { type RepositoryFacts, repositoryFacts } from "../repository-facts.ts";
import { type Checked, found } from "./checked.ts";
import { type Identity, scopesIn } from "./credential.ts";
import { checkFollowing } from "./following.ts";
import { checkWorkflow } from "./workflow.ts";

/** Checks that the repository of the values files exists and can be read, and that the ref exists. */
export async function checkDeployment(checked: Checked): Promise<readonly Check[]> {
  const { deploymentRepo: repository } = checked;
  if (repository === undefined) return [];
  const name = "deployment repository";
  return found(name, async () => {
    const facts = await repositoryFacts(checked.github.ask, repository, "Contents: read");
    const { archived, fullName } = facts;
    const remarks = [
      ...renamed(name, "DEPLOYMENT_REPO", repository, fullName),
      ...(archived
        ? [warning(name, `${fullName} is archived: nothing in it changes any more`, "Check DEPLOYMENT_REPO.")]
        : []),
    ];
    return [...orVisible(name, fullName, remarks), ...(await checkRef(checked, repository, facts))];
  });
}

/**
 * Checks that the repository that receives the events exists, accepts them, and has a workflow for them. Sends nothing
 * to it.
 */
export async function checkTarget(checked: Checked, identity: Identity): Promise<readonly Check[]> {
  const { targetRepo: repository } = checked;
  if (repository === undefined) return [];
  const name = "target repository";
  return found(name, async () => {
    const facts = await repositoryFacts(checked.github.ask, repository, "Contents: write");
    const { archived, fullName } = facts;
    const remarks = [
      ...renamed(name, "TARGET_REPO", repository, fullName),
      ...(archived
        ? [problem(name, `${fullName} is archived and accepts no events`, "Unarchive it, or set another TARGET_REPO.")]
        : []),
    ];
    const [workflow, following] = await Promise.all([
      checkWorkflow(checked, repository, facts),
      checkFollowing(checked, identity, repository, facts),
    ]);
    return [...orVisible(name, fullName, remarks), checkPermission(identity, facts), ...following, ...workflow];
  });
}

/** GitHub redirects from a former name until someone else takes that name. */
function renamed(check: string, setting: string, before: string, fullName: string): Check[] {
  if (fullName.toLowerCase() === before.toLowerCase()) return [];
  return [warning(check, `${before} is called ${fullName} now; GitHub redirects`, `Set ${setting} to ${fullName}.`)];
}

function orVisible(check: string, fullName: string, remarks: readonly Check[]): readonly Check[] {
  return remarks.length > 0 ? remarks : [ok(check, `${fullName} is visible`)];
}

/** Reads a commit, which needs the same permission as reading a file. */
function checkRef(
  { github, deploymentRef }: Checked,
  repository: string,
  { defaultBranch }: RepositoryFacts,
): Promise<readonly Check[]> {
  const check = "deployment ref";
  const ref = deploymentRef ?? defaultBranch;
  return found(check, async () => {
    const answer = await github.ask(
      { tried: `reading ${ref} of ${repository}`, repository, permission: "Contents: read" },
      "GET /repos/{owner}/{repo}/commits/{ref}",
      { ...ownerAndName(repository), ref, headers: { accept: "application/vnd.github.sha" } },
      [200, 409, 422],
    );
    if (answer.status === 409) {
      return [problem(check, `${repository} is empty: ${whatCame(answer)}`, "Check DEPLOYMENT_REPO.")];
    }
    if (answer.status === 422) {
      const remedy = "Set DEPLOYMENT_REF to a branch, tag or commit, or unset it to read the default branch.";
      return [problem(check, `${repository} has no ${ref}: ${whatCame(answer)}`, remedy)];
    }
    const which = deploymentRef === undefined ? `the default branch ${ref}` : `DEPLOYMENT_REF ${ref}`;
    const commit = new TextDecoder().decode(answer.bytes).slice(0, 7);
    return [ok(check, `${which} can be read, and is at ${commit}`)];
  });
}

/**
 * GitHub's answer about the repository says what the user may do. For a classic token, the header `x-oauth-scopes` says
 * what the token may do. GitHub does not show the permissions of a fine-grained token. An App's token was requested
 * with exactly this permission, so having the token is the proof.
 */
function checkPermission(identity: Identity, { fullName, isPrivate, push }: RepositoryFacts): Check {
  const check = "dispatch permission";
  const { name, kind } = identity;
  const untold = (who: string) =>
    warning(
      check,
      `${who}; GitHub does not show whether the token has "Contents: write"`,
      `Check that the token's settings list ${fullName} with Contents: Read and write.`,
    );
  if (kind === "app") return ok(check, `${name} may dispatch to ${fullName} (Contents: write)`);
  if (kind === "installation") return untold(`the token belongs to ${name}`);
  if (!push) {
    return problem(
      check,
      `${name} may not write to ${fullName} with this token, which dispatching needs`,
      `Give ${name} write access to ${fullName}, and the token "Contents: write" on it (a classic token: scope repo).`,
    );
  }
  if (identity.kind !== "classic") return untold(`${name} may write to ${fullName}`);
  const enough = (isPrivate ? ["repo"] : ["repo", "public_repo"]).find((scope) => identity.scopes.includes(scope));
  if (enough) return ok(check, `${name} may write to ${fullName}, and the token has the scope ${enough}`);
  return problem(check, `the token has ${scopesIn(identity.scopes)}, but needs repo`, "Give the token the scope repo.");
}
