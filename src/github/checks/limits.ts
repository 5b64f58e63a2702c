import { type Check, ok, warning } from "../../model/check.ts";
import { ownerAndName } from "../../model/github-names.ts";
import type { StoredPause } from "../../model/limits.ts";
import { jsonOf } from "../answer.ts";
import { appAccount, installationAccount, SERVICE_ACCOUNT } from "../auth/credentials.ts";
import { gateOf, ofPrefix } from "../limits/gates.ts";
import type { GitHubSettings, Inspection } from "../open-github.ts";
import { type Checked, found } from "./checked.ts";

/** Warn when less than this part of the quota is left. */
const LOW = 0.1;

/** The remaining requests of the hour. For an App, per owner: each installation has a quota. */
export async function checkQuota({ github, deploymentRepo, targetRepo }: Checked): Promise<readonly Check[]> {
  const wanted = [
    ...(deploymentRepo === undefined ? [] : [{ repository: deploymentRepo, permission: "Contents: read" }]),
    ...(targetRepo === undefined ? [] : [{ repository: targetRepo, permission: "Contents: write" }]),
  ];
  if (!github.askAsApp) return quotaFor(github, wanted[0] ?? { repository: "", permission: "" }, "quota");
  const byOwner = new Map(wanted.map((each) => [ownerAndName(each.repository).owner.toLowerCase(), each]));
  const nameFor = (owner: string) => (byOwner.size === 1 ? "quota" : `quota of ${owner}`);
  const all = await Promise.all([...byOwner].map(([owner, need]) => quotaFor(github, need, nameFor(owner))));
  return all.flat();
}

/** This request costs no quota: https://docs.github.com/en/rest/rate-limit/rate-limit */
function quotaFor(
  { ask }: Inspection,
  need: { repository: string; permission: string },
  check: string,
): Promise<readonly Check[]> {
  return found(check, async () => {
    const attempted = { tried: "asking for what is left of the quota", ...need };
    const answer = await ask(attempted, "GET /rate_limit", {}, [200, 404]);
    if (answer.status === 404) return [ok(check, "this GitHub sets no limit")];
    const { resources } = jsonOf(answer) as {
      resources?: { core?: { limit?: number; remaining?: number; reset?: number } };
    };
    const { limit = 0, remaining = 0, reset = 0 } = resources?.core ?? {};
    const left = `${remaining} of ${limit} requests are left until ${new Date(reset * 1000).toISOString()}`;
    if (remaining > limit * LOW) return [ok(check, left)];
    const remedy = "Nothing is lost: runs wait for the end of the limit. Check what else uses this account.";
    return [warning(check, left, remedy)];
  });
}

/**
 * Pauses of the service's credential that are in effect. During a pause, the service sends nothing to GitHub.
 * @param stored the pauses of all accounts at every GitHub in the store.
 */
export function checkPauses({ apiUrl, app }: GitHubSettings, stored: readonly StoredPause[], now: number): Check[] {
  const isOwn = (account: string) =>
    app ? account === appAccount(app.id) || account.startsWith(installationAccount("")) : account === SERVICE_ACCOUNT;
  return ofPrefix(`${new URL(apiUrl).host} `, stored)
    .map(({ account: name, ...pause }) => ({ ...pause, ...gateOf(name) }))
    .filter(({ account, until }) => isOwn(account) && until > now)
    .map(({ account, resource, until, strikes }) => {
      const why =
        strikes === 0
          ? "GitHub said that the quota is used up until then"
          : `GitHub asked for a pause because of a rate limit${strikes === 1 ? "" : `, ${strikes} times in a row`}`;
      return warning(
        "pause",
        `the service sends ${resource === "graphql" ? "no GraphQL" : "nothing"} as ${account} until ${new Date(until).toISOString()}: ${why}`,
        "Nothing is lost: runs wait and then continue automatically. Check what else uses this account.",
      );
    });
}
