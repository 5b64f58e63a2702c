import type { OpenGitHubNeeds } from "../github/open-github.ts";
import { proxySecrets } from "../github/proxy.ts";
import type { Config } from "./config/config.ts";
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

/** The two repositories, for the ready line and doctor; a default is called one. */
export function repositories({ targetRepo, deploymentRepo, defaults }: Config): {
  readonly target: string;
  readonly deployment: string;
} {
  const named = (repository: string, isDefault: boolean) => repository + (isDefault ? " (only the default)" : "");
  return { target: named(targetRepo, defaults.targetRepo), deployment: named(deploymentRepo, defaults.deploymentRepo) };
}

/** A warning for each of them that is only the default. */
export function defaultRepositories({ targetRepo, deploymentRepo, defaults }: Config): readonly string[] {
  return [
    ...(defaults.targetRepo ? [`TARGET_REPO is not set: events are sent to the default, ${targetRepo}`] : []),
    ...(defaults.deploymentRepo
      ? [`DEPLOYMENT_REPO is not set: values files are read in the default, ${deploymentRepo}`]
      : []),
  ];
}

/** What of the settings must never be seen. */
export function secretsIn(config: Config): readonly string[] {
  return [
    config.githubToken ?? [],
    config.githubApp?.privateKey ?? [],
    config.authTokens,
    config.githubWebhookSecret,
    config.fluxHmacKey,
    notifySecrets(config),
    databaseSecrets(config),
    Object.values(config.traceHeaders),
    proxySecrets(config),
  ].flat();
}

/** Below this a secret that callers choose freely can be guessed: tries are not counted. */
const MIN_SECRET_CHARACTERS = 16;

/**
 * What to warn of in secrets that let somebody in; none of them is shown.
 * @param others variables that workflows name for it, and their values.
 */
export function shortSecrets(config: Config, others: Readonly<Record<string, string>>): readonly string[] {
  const secrets: Readonly<Record<string, readonly string[]>> = {
    AUTH_TOKENS: config.authTokens,
    GITHUB_WEBHOOK_SECRET: config.githubWebhookSecret,
    FLUX_HMAC_KEY: config.fluxHmacKey,
    ...Object.fromEntries(Object.entries(others).map(([name, value]) => [name, [value]])),
  };
  return Object.entries(secrets)
    .filter(([, values]) => values.some(({ length }) => length < MIN_SECRET_CHARACTERS))
    .map(([name, { length }]) => {
      const what = length > 1 ? "holds one of" : "has";
      return `${name} ${what} fewer than ${MIN_SECRET_CHARACTERS} characters, which can be guessed: make another with openssl rand -hex 32`;
    });
}

/** What to warn of in addresses to which a secret goes without TLS. */
export function plainHttp(config: Config): readonly string[] {
  const { githubApiUrl, notifyUrl, traceEndpoint, traceHeaders } = config;
  const sent = [
    { name: "GITHUB_API_URL", url: githubApiUrl, what: "the GitHub token" },
    { name: "NOTIFY_URL", url: notifyUrl, what: "the address, which is its password, and every notice" },
    ...(Object.keys(traceHeaders).length > 0
      ? [{ name: "OTEL_EXPORTER_OTLP_ENDPOINT", url: traceEndpoint, what: "OTEL_EXPORTER_OTLP_HEADERS" }]
      : []),
  ];
  return sent.flatMap(({ name, url, what }) =>
    url !== undefined && isPlainToOthers(url)
      ? `${name} begins with http: and names another host: ${what} can be read on the way`
      : [],
  );
}

function isPlainToOthers(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !/^(?:localhost|.*\.localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
}

/** The password of a webhook's address is a part of its path or query, which an answer may quote without the host. */
function notifySecrets({ notifyUrl }: Config): readonly string[] {
  if (notifyUrl === undefined) return [];
  const { pathname, searchParams } = new URL(notifyUrl);
  const parts = [...pathname.split("/"), ...searchParams.values()];
  return [notifyUrl, ...parts.filter(({ length }) => length >= MIN_SECRET_CHARACTERS)];
}

function databaseSecrets({ databaseUrl, databasePassword }: Config): readonly string[] {
  const { password, searchParams } = new URL(databaseUrl ?? "postgres://none");
  return [password, decodeURIComponent(password), searchParams.get("password") ?? "", databasePassword ?? ""].filter(
    (secret) => secret !== "",
  );
}
