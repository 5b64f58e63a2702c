import { type Check, problem } from "../../model/check.ts";
import { checkApp, checkInstallations } from "./app.ts";
import { checkClock } from "./clock.ts";
import { checkDeployment } from "./deployment.ts";
import type { CheckNeeds } from "./needs.ts";
import { checkQuota } from "./quota.ts";
import { checkTarget } from "./target.ts";
import { checkToken } from "./token.ts";

/**
 * Checks everything at GitHub that the service needs for its job. Reads alone are sent to the repositories. What could
 * only fail for a reason that is already told is left out.
 */
export async function checkGitHub(needs: CheckNeeds): Promise<readonly Check[]> {
  const { credential, inspection } = needs;
  if (credential === "none") return [NO_CREDENTIAL];

  const { checks, asker } = credential === "app" ? await checkApp(needs) : await checkToken(needs);
  const first = [...checks, ...checkClock(inspection.skewMs())];
  if (!asker) return first;

  const { checks: installations, unusable } = await checkInstallations(needs);
  const usable = (repository: string | undefined) => (unusable.has(repository) ? undefined : repository);
  const reachable = {
    ...needs,
    deploymentRepo: usable(needs.deploymentRepo),
    targetRepo: usable(needs.targetRepo),
  };
  const later = await Promise.all([checkDeployment(reachable), checkTarget(reachable, asker), checkQuota(reachable)]);
  return [...first, ...installations, ...later.flat()];
}

const NO_CREDENTIAL = problem(
  "token",
  "there is none, so nothing can be checked at GitHub: only requests that bring a github_token will work",
  "Set GITHUB_TOKEN, or GITHUB_APP_ID with GITHUB_APP_PRIVATE_KEY.",
);
