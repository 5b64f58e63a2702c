import { nearestName } from "../../model/nearest-name.ts";
import { AUTH_SETTINGS, authConfig } from "./auth.ts";
import { GITHUB_SETTINGS, gitHubConfig } from "./github.ts";
import { HTTP_SETTINGS } from "./http.ts";
import { OBSERVE_SETTINGS } from "./observe.ts";
import {
  baseUrl,
  type Environment,
  type Reader,
  readerOf,
  type Setting,
  type Settings,
  secret,
  setting,
  textOf,
  token,
  type Wrong,
} from "./setting.ts";
import { SIGN_IN_SETTINGS, signInConfig } from "./sign-in.ts";
import { STORE_SETTINGS, storeConfig } from "./store.ts";
import { WORKFLOWS_SETTINGS, workflowsConfig } from "./workflows.ts";

/** Settings of the commands that talk to a running service. */
const CLIENT_SETTINGS = {
  url: setting(
    "GH_RUNNER_URL",
    "http://localhost:9555",
    "Address of the service.",
    baseUrl("http://localhost:9555", "GH_RUNNER_TOKEN"),
  ),
  token: secret(
    "GH_RUNNER_TOKEN",
    "One of the service's `AUTH_TOKENS`, or an OIDC token that it accepts. Unset: no token is sent.",
    token,
  ),
};

/** The settings of the service, in parts. Each part is passed whole to the part of the service that it is named after. */
export type Config = ReturnType<typeof inspected>["config"];

/** Some settings are invalid. The message names all of them and says what to do. */
class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * Reads every setting once. An empty variable counts as unset. `NAME_FILE` names a file that holds a secret.
 * @throws ConfigError with all problems in one message.
 */
export function readConfig(environment: Environment = process.env): Config {
  const { config, problems } = inspectConfig(environment);
  if (problems.length > 0) throw new ConfigError(messageOf(problems));
  return config;
}

const problemsOf = (wrong: readonly Wrong[]) => wrong.map(({ name, reason }) => `${name}: ${reason}`);

function messageOf(problems: readonly string[]): string {
  const lines = problems.map((problem) => `\n  ${problem}`).join("");
  return `Cannot start. Fix these settings (docs/configuration.md):${lines}`;
}

/**
 * Reads only the settings of the store, for commands that run next to the service without its other secrets.
 * @throws ConfigError with all problems in one message.
 */
export function readStoreConfig(environment: Environment = process.env) {
  const reader = readerOf(environment);
  const store = storeConfig(reader);
  if (reader.wrong.length > 0) throw new ConfigError(messageOf(problemsOf(reader.wrong)));
  return store;
}

/** Reads the settings for doctor, which checks the rest even if some are invalid: those get their defaults. */
export function inspectConfig(environment: Environment = process.env) {
  return inspected(environment, readerOf(environment));
}

/**
 * Reads the secret files again. An invalid secret is reported and keeps its previous value.
 */
export function rereadConfig({ source: { environment, reader } }: Config) {
  return inspected(environment, readerOf(environment, reader), [...reader.files.keys()]);
}

/** @param again variables whose files are also read. */
function inspected(environment: Environment, reader: Reader, again: readonly string[] = []) {
  const http = reader.values(HTTP_SETTINGS);
  const config = {
    http,
    github: gitHubConfig(reader),
    workflows: workflowsConfig(reader),
    auth: authConfig(reader),
    signIn: signInConfig(reader, http),
    store: storeConfig(reader),
    observe: reader.values(OBSERVE_SETTINGS),
    /** The values that must never be shown. */
    secrets: reader.secrets,
    /** Variables whose names are close to the name of a setting. */
    nearSettings: nearSettings(environment),
    source: { environment, reader },
  };
  for (const name of again) reader.lookAt(name);
  const { wrong } = reader;
  return { config, wrong, problems: problemsOf(wrong) };
}

/**
 * Reads the settings of the commands that talk to a running service.
 * @throws ConfigError with all problems in one line.
 */
export function readClientConfig(environment: Environment = process.env) {
  const reader = readerOf(environment);
  const values = reader.values(CLIENT_SETTINGS);
  if (reader.wrong.length > 0) {
    const problems = problemsOf(reader.wrong).join("; ");
    throw new ConfigError(`Cannot call the service. Fix these settings (docs/configuration.md): ${problems}`);
  }
  return values;
}

/** Whether npm or npx started this process. */
export function isRunByNpm(environment: Environment = process.env): boolean {
  return textOf(environment, "npm_lifecycle_event") !== undefined;
}

const PARTS = [
  HTTP_SETTINGS,
  GITHUB_SETTINGS,
  WORKFLOWS_SETTINGS,
  AUTH_SETTINGS,
  SIGN_IN_SETTINGS,
  STORE_SETTINGS,
  OBSERVE_SETTINGS,
];

/** Variables with a warning about their names, which are probably typing errors. */
function nearSettings(environment: Environment): readonly { readonly name: string; readonly warning: string }[] {
  const all: readonly Setting<unknown>[] = [...PARTS, CLIENT_SETTINGS].flatMap((part: Settings) => Object.values(part));
  const files = all.flatMap(({ name, isSecret }) => (isSecret ? `${name}_FILE` : []));
  const known = [...all.flatMap(({ name, aliases = [] }) => [name, ...aliases]), ...files];
  return Object.keys(environment).flatMap((name) => {
    if (known.includes(name) || !/^[A-Z][A-Z0-9_]+$/.test(name) || OTHERS.test(name) || !textOf(environment, name)) {
      return [];
    }
    const setting = all.find((each) => name === `${each.name}_FILE`)?.name;
    if (setting) return { name, warning: `${name} is set, but ${setting} cannot be read from a file: set ${setting}` };
    const meant = nearestName(name, known, name.length < 8 ? 1 : 2);
    return meant ? { name, warning: `${name} is set, but there is no such setting. Did you mean ${meant}?` } : [];
  });
}

/** Variables of other programs: proxies, Node, npm, GitHub Actions, and those that Kubernetes sets per Service. */
const OTHERS =
  /^(?:ALL_PROXY|FTP_PROXY|RSYNC_PROXY|NODE_.*|NPM_.*|GITHUB_(?:ACTION|ACTOR|BASE|ENV|EVENT|GRAPHQL|HEAD|JOB|OUTPUT|PATH|REF|REPOSITORY|RETENTION|RUN|SERVER|SHA|STATE|STEP|TRIGGERING|WORKFLOW|WORKSPACE).*|.*_SERVICE_(?:HOST|PORT(?:_.*)?)|.+_PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?)?)$/;

/** The text of docs/configuration.md. */
export function configurationReference(): string {
  return [
    "<!-- Generated from src/service/config/ by `npm run docs`. Do not edit. -->",
    "# Configuration",
    "",
    "For operators. At the end you have the setting that you need, with its default and its meaning.",
    "",
    "All settings are environment variables. The service reads them at its start. An empty variable counts as unset. If a value is",
    "invalid, the service does not start, and one message names every problem. You can put a secret into a file instead:",
    "`GITHUB_TOKEN_FILE=/run/secrets/github-token`. When the file changes, the service reads it again without a restart",
    "([operations.md](operations.md#rotating-secrets)).",
    "",
    'This page does not list the variables that your workflows name: in `env`, `githubToken` and `githubApp`, where `"BOT"` means',
    "`BOT_ID` and `BOT_PRIVATE_KEY` ([workflows.md](workflows.md#identities)). You can put these into files, too.",
    "",
    "Node's variables also apply. `NODE_EXTRA_CA_CERTS` names a file with certificate authorities to trust, in addition to Node's.",
    "`NODE_USE_SYSTEM_CA=1` adds those of the machine: in `/etc/ssl/certs`, or where `SSL_CERT_FILE` and `SSL_CERT_DIR` point.",
    "Without it, Node ignores these two variables and the machine's certificates.",
    "",
    ...section("HTTP", HTTP_SETTINGS),
    ...section("GitHub", GITHUB_SETTINGS),
    ...section("Workflows", WORKFLOWS_SETTINGS),
    ...section("Access", AUTH_SETTINGS),
    ...section("Signing in", SIGN_IN_SETTINGS),
    ...section("Storage", STORE_SETTINGS),
    ...section("Logs, traces and notices", OBSERVE_SETTINGS),
    ...section(
      "Commands that call a running service",
      CLIENT_SETTINGS,
      "`gh-runner runs`, `previews`, `why`, `events`, `audit-log`, `start` and `workflow` read only these settings.",
    ),
  ].join("\n");
}

function section(heading: string, settings: Settings, about?: string): readonly string[] {
  const rows = Object.values(settings).map(({ name, fallback, about, isSecret }) => {
    const names = isSecret ? `\`${name}\`, \`${name}_FILE\`` : `\`${name}\``;
    return `| ${names} | ${fallback ? `\`${fallback}\`` : "unset"} | ${withLinks(about)} |`;
  });
  const table = ["| setting | default | meaning |", "|---|---|---|", ...rows];
  return [`## ${heading}`, "", ...(about === undefined ? [] : [about, ""]), ...table, ""];
}

/** Names of documents as links from their folder. */
const withLinks = (text: string) => text.replaceAll(/\bdocs\/([\w-]+\.md)(#[\w-]+)?/g, "[$1]($1$2)");
