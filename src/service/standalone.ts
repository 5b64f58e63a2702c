import { setTimeout as wait } from "node:timers/promises";
import { openFetch } from "../github/connections.ts";
import { type OpenGitHub, type OpenGitHubNeeds, openGitHub } from "../github/open-github.ts";
import { systemClock } from "../model/clock.ts";
import type { Fetch } from "../model/network.ts";
import { unobserved } from "../model/observer.ts";
import { knownSecrets, type Secrets } from "../observe/secrets.ts";
import type { Config } from "./config/config.ts";
import { gitHubSettings, secretsIn } from "./settings.ts";

/** GitHub as the service reaches it, for a command that goes without service and store. */
export async function standalone(
  config: Config,
  options: Pick<OpenGitHubNeeds, "timeoutMs" | "retriesMs"> = {},
): Promise<{ gitHub: OpenGitHub; fetch: Fetch; secrets: Secrets; close(): Promise<void> }> {
  const secrets = knownSecrets(secretsIn(config));
  const gitHub = await openGitHub({
    ...gitHubSettings(config),
    ...options,
    hide: secrets.guard,
    brief: secrets.brief,
    limitLog: NOTHING_KEPT,
    clock: systemClock,
    observe: unobserved,
    wait: async (ms) => void (await wait(ms)),
    onPause: () => {},
  });
  const outside = openFetch(config);
  const close = async () => void (await Promise.all([gitHub.close(), outside.close()]));
  return { gitHub, fetch: outside.fetch, secrets, close };
}

const NOTHING_KEPT = { recall: async () => [], spend: async () => {}, pause: async () => {} };
