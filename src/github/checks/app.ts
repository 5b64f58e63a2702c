import { type Check, ok, problem } from "../../model/check.ts";
import { ownerAndName } from "../../model/github.ts";
import { jsonOf } from "../answer.ts";
import { appFailureOf } from "../auth/app-failures.ts";
import type { Inspection } from "../open-github.ts";
import { type Checked, found } from "./checked.ts";
import { checkGranted } from "./following.ts";

/** The App's installations that reach the two repositories, and the repositories that none can be used for. */
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
  const { owner, repo } = ownerAndName(repository);
  const permission = `Contents: ${level}`;
  const attempted = { tried: `finding the GitHub App's installation for ${repository}`, repository, permission };
  const answer = await ask(attempted, "GET /repos/{owner}/{repo}/installation", { owner, repo });
  if (answer.status !== 200) throw appFailureOf(attempted, answer, { apiUrl });
  const { id, account, permissions, suspended_at } = jsonOf(answer) as {
    id?: unknown;
    account?: { login?: unknown };
    permissions?: Readonly<Record<string, string>>;
    suspended_at?: unknown;
  };
  const what = `${id} on ${account?.login}`;
  if (suspended_at) {
    const remedy = `An owner of ${owner} has to unsuspend it in the settings, under GitHub Apps.`;
    return [problem(name, `${what} is suspended`, remedy)];
  }
  const granted = permissions?.contents;
  if (granted !== "write" && granted !== level) {
    return [
      problem(
        name,
        `${what} has Contents: ${granted ?? "no access"}, and ${level} is needed`,
        `Give the App "${permission}" in its settings, then accept it in the settings of ${owner}.`,
      ),
    ];
  }
  const list = Object.entries(permissions ?? {}).map(([each, its]) => `${each}: ${its}`);
  const further = level === "write" ? checkGranted(settings, { what, owner, granted: permissions ?? {} }) : [];
  return [ok(name, `${what}, with ${list.join(", ")}`), ...further];
}
