import { type Check, warning } from "../../model/check.ts";
import type { Inspection } from "../open-github.ts";
import { checkApp, checkInstallations } from "./app.ts";
import { checkClock } from "./clock.ts";
import { checkDeployment } from "./deployment.ts";
import { checkQuota } from "./quota.ts";
import { checkTarget } from "./target.ts";
import { checkToken } from "./token.ts";

export type CheckNeeds = {
  readonly apiUrl: string;
  readonly inspection: Inspection;
  readonly credential: "token" | "app" | "none";
  /** owner/name; undefined when the setting cannot be used. */
  readonly deploymentRepo: string | undefined;
  readonly targetRepo: string | undefined;
  /** Undefined: the default branch. */
  readonly deploymentRef: string | undefined;
  readonly eventType: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
};

/** Who asks, as GitHub knows them; undefined when nothing more can be asked. */
export type Asker =
  | { readonly kind: "classic"; readonly name: string; readonly scopes: readonly string[] }
  | { readonly kind: "fine-grained" | "installation" | "app"; readonly name: string };

export type Stage = { readonly checks: readonly Check[]; readonly asker: Asker | undefined };

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

const NO_CREDENTIAL = warning(
  "token",
  "there is none, so nothing can be asked of GitHub: only requests that bring their own github_token will work",
  "Set GITHUB_TOKEN, or GITHUB_APP_ID with GITHUB_APP_PRIVATE_KEY.",
);
