import { type Check, ok, problem } from "../../model/check.ts";
import { appFailureOf, isUnknownApp } from "../auth/app-failures.ts";
import { ownerAndName } from "../files.ts";
import type { Answer } from "../http.ts";
import { jsonOf } from "../json-of.ts";
import { failed } from "./failed.ts";
import { answersAt, notTheApi } from "./host.ts";
import type { CheckNeeds, Stage } from "./needs.ts";

/** Whether GitHub answers, and knows the App and its key. */
export async function checkApp({ apiUrl, inspection }: CheckNeeds): Promise<Stage> {
  const attempted = { tried: `asking ${apiUrl} which App this is`, repository: "", permission: "" };
  let answer: Answer | undefined;
  try {
    answer = await inspection.askAsApp?.(attempted, "GET /app", {});
  } catch (error) {
    return { checks: [failed("GitHub", error)], asker: undefined };
  }
  if (!answer) return { checks: [], asker: undefined };
  const { slug, owner } = jsonOf(answer) as { slug?: unknown; owner?: { login?: unknown } };
  if (answer.status === 200 && typeof slug === "string") {
    const asker = { name: `the App ${slug}`, kind: "app" } as const;
    return { checks: [answersAt(apiUrl, answer), ok("app", `is ${slug}, of ${owner?.login ?? "unknown"}`)], asker };
  }
  if (answer.status === 200 || (answer.status === 404 && !isUnknownApp(answer))) {
    return { checks: [notTheApi(apiUrl, answer)], asker: undefined };
  }
  const refused = failed("app", appFailureOf(attempted, answer, { apiUrl }));
  return { checks: [answersAt(apiUrl, answer), refused], asker: undefined };
}

/** The installations that reach the two repositories, and the repositories that none can be used for. */
export async function checkInstallations(
  needs: CheckNeeds,
): Promise<{ checks: readonly Check[]; unusable: ReadonlySet<string | undefined> }> {
  const { credential, deploymentRepo, targetRepo } = needs;
  if (credential !== "app") return { checks: [], unusable: new Set() };
  const repositories = [
    { repository: deploymentRepo, level: "read" },
    { repository: targetRepo, level: "write" },
  ] as const;
  const found = await Promise.all(
    repositories.map(async ({ repository, level }) =>
      repository === undefined ? [] : [{ repository, check: await checkInstallation(needs, repository, level) }],
    ),
  );
  const all = found.flat();
  return {
    checks: all.map(({ check }) => check),
    unusable: new Set(all.filter(({ check }) => check.status === "problem").map(({ repository }) => repository)),
  };
}

async function checkInstallation(
  { apiUrl, inspection }: CheckNeeds,
  repository: string,
  level: "read" | "write",
): Promise<Check> {
  const { owner } = ownerAndName(repository);
  const name = `installation for ${repository}`;
  const permission = `Contents: ${level}`;
  const attempted = { tried: `finding the GitHub App's installation for ${repository}`, repository, permission };
  let answer: Answer | undefined;
  try {
    answer = await inspection.askAsApp?.(attempted, "GET /repos/{owner}/{repo}/installation", ownerAndName(repository));
  } catch (error) {
    return failed(name, error);
  }
  if (answer?.status !== 200) return failed(name, answer && appFailureOf(attempted, answer, { apiUrl }));
  const { id, account, permissions, suspended_at } = jsonOf(answer) as {
    id?: unknown;
    account?: { login?: unknown };
    permissions?: Readonly<Record<string, string>>;
    suspended_at?: unknown;
  };
  const what = `${id} on ${account?.login}`;
  if (suspended_at) {
    const remedy = `An owner of ${owner} has to unsuspend it in the settings, under GitHub Apps.`;
    return problem(name, `${what} is suspended`, remedy);
  }
  const granted = permissions?.contents;
  if (granted !== "write" && granted !== level) {
    return problem(
      name,
      `${what} has Contents: ${granted ?? "no access"}, and ${level} is needed`,
      `Give the App "${permission}" in its settings, then accept it in the settings of ${owner}.`,
    );
  }
  const list = Object.entries(permissions ?? {}).map(([each, its]) => `${each}: ${its}`);
  return ok(name, `${what}, with ${list.join(", ")}`);
}
