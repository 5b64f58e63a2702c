import type { CallerToken } from "../model/access.ts";
import { appVariables } from "../model/identity.ts";
import { nearestName } from "../model/nearest-name.ts";
import { isPlainToOthers } from "../model/network.ts";
import { reportOf } from "../model/report.ts";
import type { Workflow } from "../model/workflow.ts";
import type { CheckedWorkflows } from "../workflows/load/check-workflows.ts";
import type { Config } from "./config/config.ts";

/** The two repositories, for the ready line and doctor. A default is marked. */
export function repositories({ targetRepo, deploymentRepo, defaults }: Config["workflows"]) {
  const named = (repository: string, isDefault: boolean) => repository + (isDefault ? " (only the default)" : "");
  return { target: named(targetRepo, defaults.targetRepo), deployment: named(deploymentRepo, defaults.deploymentRepo) };
}

/** A warning for each repository that is only the default. */
export function defaultRepositories({ targetRepo, deploymentRepo, defaults }: Config["workflows"]): readonly string[] {
  return [
    ...(defaults.targetRepo ? [`TARGET_REPO is not set: events are sent to the default, ${targetRepo}`] : []),
    ...(defaults.deploymentRepo
      ? [`DEPLOYMENT_REPO is not set: values files are read in the default, ${deploymentRepo}`]
      : []),
  ];
}

/** Warnings about secrets that are sent without TLS. */
export function plainHttp(
  { github, observe }: Config,
  addresses: CheckedWorkflows["addresses"] = {},
): readonly string[] {
  const { notifyUrl, traceEndpoint, traceHeaders } = observe;
  const sent = [
    { name: "GITHUB_API_URL", url: github.apiUrl, what: "the GitHub token" },
    { name: "NOTIFY_URL", url: notifyUrl, what: NOTICES },
    ...Object.entries(addresses).map(([name, url]) => ({ name, url, what: NOTICES })),
    ...(Object.keys(traceHeaders).length > 0
      ? [{ name: "OTEL_EXPORTER_OTLP_ENDPOINT", url: traceEndpoint, what: "OTEL_EXPORTER_OTLP_HEADERS" }]
      : []),
  ];
  return sent.flatMap(({ name, url, what }) =>
    url !== undefined && isPlainToOthers(new URL(url))
      ? `${name} uses http: to another host, so anyone on the network can read ${what}`
      : [],
  );
}

const NOTICES = "the address, which is its password, and every notice";

/**
 * The warnings of the start: settings that are valid but probably not intended.
 * @param declared the variables that workflows declare, with their values, and the GitHub Apps.
 * @param keys the variables that contain credentials of callers.
 */
export function startWarnings(
  config: Config,
  {
    variables,
    apps,
    addresses,
    workflows: loaded,
  }: Pick<CheckedWorkflows, "variables" | "apps" | "addresses" | "workflows">,
  keys: readonly string[],
): readonly string[] {
  const { auth, signIn, github, nearSettings, workflows } = config;
  const isOpen =
    auth.tokens.length + auth.oidc.length === 0 && !signIn.openId && !signIn.gitHub && !auth.proxyUserHeader;
  const names = new Set([
    ...Object.keys(variables),
    ...Object.keys(addresses),
    ...Object.keys(apps).flatMap(namesOfApp),
  ]);
  const secrets: Readonly<Record<string, readonly string[]>> = {
    AUTH_TOKENS: auth.tokens.map(({ text }) => text),
    GITHUB_WEBHOOK_SECRET: auth.webhookSecrets,
    FLUX_HMAC_KEY: auth.fluxKeys,
    ...Object.fromEntries(keys.map((name) => [name, [variables[name] ?? ""]])),
  };
  return [
    ...nearSettings.flatMap(({ name, warning }) => (names.has(name.replace(/_FILE$/, "")) ? [] : warning)),
    ...defaultRepositories(workflows),
    ...(isOpen ? ["AUTH_TOKENS is not set: anyone who can reach this service can start runs"] : []),
    ...shortSecrets(secrets),
    ...limitsToNothing(
      auth.tokens,
      loaded.map(({ name }) => name),
    ),
    ...plainHttp(config, addresses).map((text) => `${text}: use https`),
    ...(!github.hasCredential
      ? ["GITHUB_TOKEN and GITHUB_APP_ID are not set: only requests that bring a github_token will work"]
      : []),
    ...[followWarnings(config), checksWithoutApp(config, loaded), reportsWithoutLink(config, loaded)]
      .flat()
      .map(({ text, remedy }) => `${text}. ${remedy}`),
    ...(workflows.follow.includes("check") && github.app === undefined
      ? ["FOLLOW has check, but GitHub accepts checks only from a GitHub App: use status, or set GITHUB_APP_ID"]
      : []),
  ];
}

const namesOfApp = (name: string) => Object.values(appVariables(name));

/** What reports of FOLLOW will lack, and what to do. */
export function followWarnings({
  workflows: { follow },
  http,
  auth,
}: Config): readonly { readonly text: string; readonly remedy: string }[] {
  const hasNoLink = follow.length > 0 && http.publicUrl === undefined;
  const staysActive = follow.includes("deployment") && auth.webhookSecrets.length === 0;
  return [
    ...(hasNoLink
      ? [
          {
            text: "FOLLOW is set, but PUBLIC_URL is not: reports have no link to the run that follows the tests",
            remedy: "Set PUBLIC_URL to where people reach the service.",
          },
        ]
      : []),
    ...(staysActive
      ? [
          {
            text: "FOLLOW has deployment, but GITHUB_WEBHOOK_SECRET is not set: deployments stay active when their pull request is closed",
            remedy: "Set up GitHub's webhook: docs/following.md#with-githubs-webhook.",
          },
        ]
      : []),
  ];
}

type Remark = { readonly text: string; readonly remedy: string };

const namesOf = (workflows: readonly Workflow[]) => workflows.map(({ name }) => name).join(", ");

/** Workflows whose checks GitHub will reject, and what to do. */
export function checksWithoutApp(
  { github }: Pick<Config, "github">,
  workflows: readonly Workflow[],
): readonly Remark[] {
  const its = workflows.filter((workflow) => {
    const { githubApp, githubToken } = workflow;
    const isApp = githubApp !== undefined || (githubToken === undefined && github.app !== undefined);
    return reportOf(workflow)?.as === "check" && !isApp;
  });
  const text = `GitHub accepts checks only from a GitHub App, but these workflows report checks with a token: ${namesOf(its)}`;
  const remedy = 'Set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY, name an App in githubApp, or write report: "status".';
  return its.length > 0 ? [{ text, remedy }] : [];
}

/** Workflows whose reports will have no link to the run, and what to do. */
export function reportsWithoutLink({ http }: Pick<Config, "http">, workflows: readonly Workflow[]): readonly Remark[] {
  const its = workflows.filter(({ report }) => report !== undefined);
  const text = `PUBLIC_URL is not set: the reports of ${namesOf(its)} have no link to their runs`;
  return its.length > 0 && http.publicUrl === undefined
    ? [{ text, remedy: "Set PUBLIC_URL to where people reach the service." }]
    : [];
}

/** A shorter secret can be guessed if the caller chose it. */
const MIN_SECRET_CHARACTERS = 16;

/** Warnings about tokens that are limited to a workflow that does not exist, and so allow nothing. */
function limitsToNothing(tokens: readonly CallerToken[], names: readonly string[]): readonly string[] {
  const limits = tokens.flatMap(({ actor, grants }) =>
    grants.flatMap(({ workflows = [] }) => workflows.map((workflow) => ({ actor, workflow }))),
  );
  return limits.flatMap(({ actor, workflow }) => {
    if (names.includes(workflow)) return [];
    const near = nearestName(workflow, names);
    const meant = near === undefined ? `Its workflows are: ${names.join(", ")}` : `Did you mean ${near}?`;
    return `AUTH_TOKENS: ${actor} is limited to ${workflow}, but this service has no such workflow. ${meant}`;
  });
}

/** Warnings about short secrets, without showing them. */
function shortSecrets(secrets: Readonly<Record<string, readonly string[]>>): readonly string[] {
  return Object.entries(secrets)
    .filter(([, values]) => values.some(({ length }) => length < MIN_SECRET_CHARACTERS))
    .map(([name, { length }]) => {
      const what = length > 1 ? "has a value with" : "has";
      return `${name} ${what} fewer than ${MIN_SECRET_CHARACTERS} characters, which can be guessed: create a longer one with openssl rand -hex 32`;
    });
}
