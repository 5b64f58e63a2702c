import { type Check, ok, problem, warning } from "../../model/check.ts";
import { failed } from "./failed.ts";
import type { Asker, CheckNeeds } from "./needs.ts";
import { lookUp, type RepositoryFacts, renamed } from "./repository.ts";
import { scopesIn } from "./token.ts";
import { checkWorkflow } from "./workflow.ts";

const NAME = "target repository";

/**
 * Whether the repository that receives the events is there, takes them, and does something with them. Nothing is sent
 * to it.
 */
export async function checkTarget(needs: CheckNeeds, asker: Asker): Promise<Check[]> {
  const { targetRepo, inspection } = needs;
  if (targetRepo === undefined) return [];
  let facts: RepositoryFacts;
  try {
    facts = await lookUp(inspection, targetRepo, "Contents: write");
  } catch (error) {
    return [failed(NAME, error)];
  }
  const moved = renamed(NAME, "TARGET_REPO", targetRepo, facts);
  const archived = facts.archived
    ? [problem(NAME, `${facts.fullName} is archived and takes no events`, "Unarchive it, or set another TARGET_REPO.")]
    : [];
  const remarks = [...moved, ...archived];
  return [
    ...(remarks.length > 0 ? remarks : [ok(NAME, `${facts.fullName} is visible`)]),
    checkPermission(asker, facts),
    await checkWorkflow(needs, targetRepo, facts),
  ];
}

/**
 * What the user may do stands in the answer about the repository, and what a classic token may do in the header
 * `x-oauth-scopes`. What a fine-grained token may do GitHub tells nobody. An App's token was asked for with exactly
 * this permission, so that having it is the proof.
 */
function checkPermission(asker: Asker, { fullName, isPrivate, push }: RepositoryFacts): Check {
  const check = "dispatch permission";
  const { name, kind } = asker;
  if (kind === "app") return ok(check, `${name} may dispatch to ${fullName} (Contents: write)`);
  if (kind === "installation") return untold(check, `the token belongs to ${name}`, fullName);
  if (!push) {
    return problem(
      check,
      `${name} may not write to ${fullName} with this token, which dispatching needs`,
      `Give ${name} write access to ${fullName}, and the token "Contents: write" on it (a classic token: scope repo).`,
    );
  }
  if (asker.kind !== "classic") return untold(check, `${name} may write to ${fullName}`, fullName);
  const needed = isPrivate ? ["repo"] : ["repo", "public_repo"];
  const held = needed.find((scope) => asker.scopes.includes(scope));
  if (held) return ok(check, `${name} may write to ${fullName}, and the token has the scope ${held}`);
  return problem(check, `the token has ${scopesIn(asker.scopes)}, but needs repo`, "Give the token the scope repo.");
}

function untold(check: string, who: string, fullName: string): Check {
  return warning(
    check,
    `${who}; whether the token has "Contents: write" GitHub tells only by taking an event`,
    `See that the token's settings list ${fullName} with Contents: Read and write.`,
  );
}
