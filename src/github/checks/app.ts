import { type Check, ok, problem } from "../../model/check.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { permissionsInWords } from "../../model/identity.ts";
import { jsonOf } from "../answer.ts";
import { appFailureOf } from "../auth/app-failures.ts";
import type { Need } from "../auth/credentials.ts";
import type { Inspection } from "../open-github.ts";
import { type Checked, found } from "./checked.ts";
import { checkGranted } from "./following.ts";

/** Checks the App's installations on the two repositories, and reports each repository that no installation reaches. */
export async function checkInstallations({
  github: { askAsApp },
  apiUrl,
  deploymentRepo,
  targetRepo,
  ...settings
}: Checked): Promise<{ checks: readonly Check[]; unusable: ReadonlySet<string | undefined> }> {
  const unusable = new Set<string | undefined>();
  const check = async (repository: string | undefined, level: "read" | "write"): Promise<readonly Check[]> => {
    if (!askAsApp || repository === undefined) return [];
    const name = `installation for ${repository}`;
    const checks = await found(name, () => installation(askAsApp, { apiUrl, repository, level, name, settings }));
    if (checks.some(({ check, status }) => check === name && status === "problem")) unusable.add(repository);
    return checks;
  };
  const checks = await Promise.all([check(deploymentRepo, "read"), check(targetRepo, "write")]);
  return { checks: checks.flat(), unusable };
}

async function installation(
  ask: NonNullable<Inspection["askAsApp"]>,
  {
    apiUrl,
    repository,
    level,
    name,
    settings,
  }: {
    apiUrl: string;
    repository: string;
    level: "read" | "write";
    name: string;
    settings: Pick<Checked, "follow" | "targetWorkflow" | "reports">;
  },
): Promise<readonly Check[]> {
  const { owner } = ownerAndName(repository);
  const permission = `Contents: ${level}`;
  const { what, isSuspended, granted: permissions } = await installationOn(ask, { apiUrl, repository, permission });
  if (isSuspended) {
    const remedy = `An owner of ${owner} has to unsuspend it in the settings, under GitHub Apps.`;
    return [problem(name, `${what} is suspended`, remedy)];
  }
  const granted = permissions.contents;
  if (granted !== "write" && granted !== level) {
    return [
      problem(
        name,
        `${what} has Contents: ${granted ?? "no access"}, and ${level} is needed`,
        `Give the App "${permission}" in its settings, then accept it in the settings of ${owner}.`,
      ),
    ];
  }
  const further = level === "write" ? checkGranted(settings, { what, owner, granted: permissions }) : [];
  return [ok(name, `${what}, with ${permissionsInWords(permissions)}`), ...further];
}

/**
 * The App's installation on a repository, and its permissions there. Throws a `Failure` if there is none.
 * @param app the name that workflows use for it. Without a name it is the service's App.
 */
export async function installationOn(
  ask: NonNullable<Inspection["askAsApp"]>,
  { apiUrl, app, repository, permission }: Need & { readonly apiUrl: string; readonly app?: string | undefined },
) {
  const attempted = { tried: `finding the GitHub App's installation for ${repository}`, repository, permission };
  const answer = await ask(attempted, "GET /repos/{owner}/{repo}/installation", ownerAndName(repository));
  if (answer.status !== 200) throw appFailureOf(attempted, answer, { apiUrl, app });
  const { id, account, permissions, suspended_at } = jsonOf(answer) as {
    id?: unknown;
    account?: { login?: unknown };
    permissions?: Readonly<Record<string, string>>;
    suspended_at?: unknown;
  };
  return { what: `${id} on ${account?.login}`, isSuspended: Boolean(suspended_at), granted: permissions ?? {} };
}
