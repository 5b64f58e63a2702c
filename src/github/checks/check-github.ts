import { type Check, ok, problem, warning } from "../../model/check.ts";
import { checkInstallations } from "./app.ts";
import type { Checked } from "./checked.ts";
import { checkCredential } from "./credential.ts";
import { checkQuota } from "./limits.ts";
import { checkDeployment, checkTarget } from "./repositories.ts";

/**
 * Checks everything at GitHub that the service needs. It only reads from the repositories. A check that could only fail
 * for a reason already reported is left out.
 */
export async function checkGitHub(checked: Checked): Promise<readonly Check[]> {
  if (!checked.hasCredential) return [NO_CREDENTIAL];
  const { checks, identity } = await checkCredential(checked);
  const first = [...checks, ...checkClock(checked.github.time.skew())];
  if (!identity) return first;

  const { checks: installations, unusable } = await checkInstallations(checked);
  const usable = (repository: string | undefined) => (unusable.has(repository) ? undefined : repository);
  const rest = {
    ...checked,
    deploymentRepo: usable(checked.deploymentRepo),
    targetRepo: usable(checked.targetRepo),
  };
  const later = await Promise.all([checkDeployment(rest), checkTarget(rest, identity), checkQuota(rest)]);
  return [...first, ...installations, ...later.flat()];
}

const NO_CREDENTIAL = problem(
  "token",
  "is not set, so nothing can be checked at GitHub: only requests with a github_token will work",
  "Set GITHUB_TOKEN, or GITHUB_APP_ID with GITHUB_APP_PRIVATE_KEY.",
);

/** GitHub's `date` has whole seconds and is a little old when it arrives. */
const TOLERATED_MS = 30_000;

/** @param skewMs how far GitHub's clock is ahead. Undefined if no answer has come yet. */
function checkClock(skewMs: number | undefined): Check[] {
  if (skewMs === undefined) return [];
  if (Math.abs(skewMs) <= TOLERATED_MS) return [ok("clock", "agrees with GitHub's")];
  const side = skewMs > 0 ? "behind" : "ahead of";
  return [
    warning(
      "clock",
      `this machine's clock is ${Math.round(Math.abs(skewMs) / 1000)} s ${side} GitHub's`,
      "Synchronize it: gh-runner corrects its requests, but times in the history and the log are wrong.",
    ),
  ];
}
