import type { Config } from "./config.ts";
import type { OpenGitHubNeeds } from "./github/open-github.ts";
import { proxySecrets } from "./github/proxy.ts";
import { VERSION } from "./version.ts";

/** What GitHub is opened with, in the service and in the commands that go without it. */
export function gitHubSettings(
  config: Config,
): Pick<OpenGitHubNeeds, "apiUrl" | "userAgent" | "proxies" | "serviceToken" | "app" | "targetRepo" | "limits"> {
  return {
    apiUrl: config.githubApiUrl,
    userAgent: `gh-runner/${VERSION}`,
    proxies: config,
    serviceToken: config.githubToken,
    app: config.githubApp,
    targetRepo: config.targetRepo,
    limits: config.githubLimits,
  };
}

/** What of the settings must never be seen. */
export function secretsIn(config: Config): readonly string[] {
  return [
    config.githubToken ?? [],
    config.githubApp?.privateKey ?? [],
    config.authTokens,
    config.githubWebhookSecret ?? [],
    config.fluxHmacKey ?? [],
    config.notifyUrl ?? [],
    databaseSecrets(config),
    Object.values(config.traceHeaders),
    proxySecrets(config),
  ].flat();
}

function databaseSecrets({ databaseUrl, databasePassword }: Config): readonly string[] {
  const { password } = new URL(databaseUrl ?? "postgres://none");
  return [password, decodeURIComponent(password), databasePassword ?? ""].filter((secret) => secret !== "");
}
