import { type Check, ok, problem, warning } from "../../model/check.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { permissionsInWords } from "../../model/identity.ts";
import { lackingIn, type Permissions } from "../../model/permissions.ts";
import type { Inspection } from "../open-github.ts";
import { repositoryFacts } from "../repository-facts.ts";
import { installationOn } from "./app.ts";
import { found } from "./checked.ts";
import { type Answered, type Identity, scopesIn } from "./credential.ts";
import { scopesFor } from "./scopes.ts";

/** One of the credentials of a workflow. */
export type WorkflowCredential = {
  /** Name in the results: `workflow release`. */
  readonly check: string;
  /** `App RELEASE_APP`, `token READER_TOKEN`, or the service's. */
  readonly what: string;
  readonly github: Inspection;
  readonly apiUrl: string;
  /** The name of the App, if it is one. */
  readonly app: string | undefined;
  /** The repository on which the permissions are checked. */
  readonly repository: string;
  /** True if the workflow names the repository. Otherwise it is TARGET_REPO, and the workflow may act on others. */
  readonly isNamed: boolean;
  readonly permissions: Permissions | undefined;
  /** The permissions that the workflow's reports need. The same credential writes them. */
  readonly reports: Permissions;
  /** An identity of the workflow, which may be for other repositories. Undefined for the workflow itself. */
  readonly identity: string | undefined;
};

/**
 * Checks that a workflow's credential works and has the permissions that the workflow declares.
 * @param answered what GitHub says about the credential. It is the same for every workflow that uses it.
 */
export async function checkWorkflowCredential(
  credential: WorkflowCredential,
  { checks, identity }: Answered,
): Promise<readonly Check[]> {
  const { check, what, isNamed, identity: name } = credential;
  const bad = checks
    .filter(({ status }) => status !== "ok")
    .map((each) => ({ ...each, check, message: `${what}: ${each.check} ${each.message}` }));
  if (!identity) return bad;
  const looked = await found(check, () =>
    identity.kind === "app" ? installed(credential, identity) : permitted(credential, identity),
  );
  return [...bad, ...looked.map((each) => (isNamed && name === undefined ? each : unsure(each, credential)))];
}

/**
 * A problem on TARGET_REPO may not exist where the workflow's events come from. An identity can be for any repository.
 */
function unsure(each: Check, { repository, identity }: WorkflowCredential): Check {
  if (each.status !== "problem") return each;
  const otherwise =
    identity === undefined
      ? `Or name the workflow's \`repository\`, if it is not ${repository}.`
      : `Nothing to do if the workflow uses ${identity} only for other repositories.`;
  return { ...each, status: "warning", remedy: `${each.remedy} ${otherwise}` };
}

async function installed(
  { check, what, github, apiUrl, app, repository, permissions, reports }: WorkflowCredential,
  { name }: Identity,
): Promise<readonly Check[]> {
  const { owner } = ownerAndName(repository);
  const { askAsApp } = github;
  if (!askAsApp) return [];
  const { isSuspended, granted } = await installationOn(askAsApp, { apiUrl, app, repository, permission: "" });
  const who = `${what} is ${name}`;
  if (isSuspended) {
    const remedy = `An owner of ${owner} has to unsuspend it in the settings, under GitHub Apps.`;
    return [problem(check, `${who}, and its installation on ${owner} is suspended`, remedy)];
  }
  const unwritable = lackingIn(granted, reports).join(", ");
  if (permissions === undefined && unwritable !== "") {
    return [
      problem(
        check,
        `${who}, and was not granted ${unwritable} on ${repository}, which \`report\` needs`,
        `Give the App ${unwritable} in its settings, then accept it in the settings of ${owner}.`,
      ),
    ];
  }
  if (permissions === undefined) {
    return [ok(check, `${who}, and may do all that it was granted on ${repository}: ${permissionsInWords(granted)}`)];
  }
  const lacking = lackingIn(granted, permissions).join(", ");
  if (lacking === "") return [ok(check, `${who}, and was granted ${permissionsInWords(permissions)} on ${repository}`)];
  return [
    problem(
      check,
      `${who}, and was not granted ${lacking} on ${repository}, which the workflow's permissions name`,
      `Give the App ${lacking} in its settings, then accept it in the settings of ${owner}; or remove it from the workflow's \`permissions\`.`,
    ),
  ];
}

async function permitted(
  { check, what, github, repository, permissions, reports }: WorkflowCredential,
  identity: Identity,
): Promise<readonly Check[]> {
  const { fullName, isPrivate } = await repositoryFacts(github.ask, repository, "");
  const its = identity.kind === "installation" ? "an App's installation's" : `${identity.name}'s`;
  const who = `${what} is ${its}, ${identity.kind === "classic" ? `classic, with ${scopesIn(identity.scopes)}` : "fine-grained"}`;
  // GitHub accepts checks only from Apps. Another check reports that.
  const { checks: _, ...written } = reports;
  const wanted = Object.entries(permissions ?? written).filter(([name]) => name !== "metadata");
  if (wanted.length === 0) return [ok(check, `${who}, and sees ${fullName}`)];
  if (identity.kind !== "classic") {
    const remedy = `Check that the token's settings list ${fullName} with ${permissionsInWords(Object.fromEntries(wanted))}.`;
    return [warning(check, `${who}: GitHub does not show its permissions`, remedy)];
  }
  const { scopes } = identity;
  const lacking = wanted.flatMap(([name, level]) => {
    const enough = scopesFor(name, level, isPrivate);
    if (enough?.some((scope) => scopes.includes(scope))) return [];
    return [{ name, level, scope: enough?.[0] }];
  });
  if (lacking.length === 0)
    return [ok(check, `${who}, which includes ${permissionsInWords(Object.fromEntries(wanted))}`)];
  const names = lacking.map(({ name, level }) => `${name}: ${level}`).join(", ");
  const needed = [...new Set(lacking.flatMap(({ scope }) => scope ?? []))];
  const none = lacking.filter(({ scope }) => scope === undefined).map(({ name, level }) => `${name}: ${level}`);
  const remedies = [
    ...(needed.length > 0 ? [`Give the token ${scopesIn(needed)}.`] : []),
    ...(none.length > 0 ? [`No scope is known for ${none.join(", ")}: use a GitHub App.`] : []),
  ];
  return [problem(check, `${who}, which does not include ${names}`, remedies.join(" "))];
}
