import { type Check, ok, warning } from "../../model/check.ts";
import { ownerAndName } from "../files.ts";
import { jsonOf } from "../json-of.ts";
import { failed } from "./failed.ts";
import type { CheckNeeds } from "./needs.ts";

const LOW = 0.1;

/** What is left of the hour's requests; for an App of each installation, since each owner's is another one. */
export async function checkQuota(needs: CheckNeeds): Promise<Check[]> {
  const { credential, deploymentRepo, targetRepo } = needs;
  const wanted = [
    { repository: deploymentRepo, permission: "Contents: read" },
    { repository: targetRepo, permission: "Contents: write" },
  ].flatMap(({ repository, permission }) => (repository === undefined ? [] : [{ repository, permission }]));
  if (credential === "token") return [await quotaFor(needs, wanted[0] ?? { repository: "", permission: "" }, "quota")];
  const byOwner = new Map(wanted.map((each) => [ownerAndName(each.repository).owner.toLowerCase(), each]));
  const isOne = byOwner.size === 1;
  return Promise.all([...byOwner].map(([owner, need]) => quotaFor(needs, need, isOne ? "quota" : `quota of ${owner}`)));
}

/** Asking for it costs nothing of it: https://docs.github.com/en/rest/rate-limit/rate-limit */
async function quotaFor(
  { inspection }: CheckNeeds,
  need: { repository: string; permission: string },
  check: string,
): Promise<Check> {
  try {
    const attempted = { tried: "asking for what is left of the quota", ...need };
    const answer = await inspection.ask(attempted, "GET /rate_limit", {}, [200, 404]);
    if (answer.status === 404) return ok(check, "this GitHub sets no limit");
    const { resources } = jsonOf(answer) as {
      resources?: { core?: { limit?: number; remaining?: number; reset?: number } };
    };
    const { limit = 0, remaining = 0, reset = 0 } = resources?.core ?? {};
    const left = `${remaining} of ${limit} requests are left until ${new Date(reset * 1000).toISOString()}`;
    if (remaining > limit * LOW) return ok(check, left);
    return warning(
      check,
      left,
      "Nothing is lost: runs wait for the end of the limit. See what else uses this account.",
    );
  } catch (error) {
    return failed(check, error);
  }
}
