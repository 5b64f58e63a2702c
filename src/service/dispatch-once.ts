import type { Workflow } from "../model/workflow.ts";
import { environmentReady } from "../workflows/environment-ready.ts";
import { type Config, readConfig } from "./config/config.ts";
import { type RunOnce, runOnce } from "./run-once.ts";

/**
 * Does the job of `environment-ready` once, with the settings of the service.
 * @throws ConfigError when they cannot be used.
 */
export async function dispatchOnce(
  input: { readonly application: string; readonly revision?: string },
  options: { readonly dryRun: boolean },
): Promise<RunOnce & { readonly config: Config }> {
  const config = readConfig();
  // Not its token: workflows name the variable that holds theirs.
  const { githubToken: _, ...pair } = config;
  return { ...(await runOnce(config, environmentReady(pair) as Workflow, input, options)), config };
}
