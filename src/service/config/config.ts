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

/** What the commands need that talk to a running service. */
const CLIENT_SETTINGS = {
  url: setting(
    "GH_RUNNER_URL",
    "http://localhost:9555",
    "Where the service answers.",
    baseUrl("http://localhost:9555", "GH_RUNNER_TOKEN"),
  ),
  token: secret(
    "GH_RUNNER_TOKEN",
    "One of the service's `AUTH_TOKENS`, or an OIDC token that it takes. Unset: none is sent.",
    token,
  ),
};

/** The settings of the service, in parts. Each is handed on whole, to what it is named for. */
export type Config = ReturnType<typeof inspected>["config"];

/** Settings that cannot be used; the message names all of them and what to do. */
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
 * The settings of the store alone, for what works on it beside the service: it has none of the other secrets.
 * @throws ConfigError with all problems in one message.
 */
export function readStoreConfig(environment: Environment = process.env) {
  const reader = readerOf(environment);
  const store = storeConfig(reader);
  if (reader.wrong.length > 0) throw new ConfigError(messageOf(problemsOf(reader.wrong)));
  return store;
}

/** The same for doctor, which looks at the rest nevertheless: settings that cannot be used have their defaults. */
export function inspectConfig(environment: Environment = process.env) {
  return inspected(environment, readerOf(environment));
}

/**
 * The same settings with what the files of secrets hold now. What cannot be used is named, and keeps the value that it had.
 */
export function rereadConfig({ source: { environment, reader } }: Config) {
  return inspected(environment, readerOf(environment, reader), [...reader.files.keys()]);
}

/** @param again variables whose files are read as well. */
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
    /** What of all this must never be seen. */
    secrets: reader.secrets,
    /** Variables that are no settings, and have nearly the names of some. */
    nearSettings: nearSettings(environment),
    source: { environment, reader },
  };
  for (const name of again) reader.lookAt(name);
  const { wrong } = reader;
  return { config, wrong, problems: problemsOf(wrong) };
}

/**
 * The same for the commands that talk to a running service.
 * @throws ConfigError with all problems in one line.
 */
export function readClientConfig(environment: Environment = process.env) {
  const reader = readerOf(environment);
  const values = reader.values(CLIENT_SETTINGS);
  if (reader.wrong.length > 0) throw new ConfigError(problemsOf(reader.wrong).join("; "));
  return values;
}

/** Whether npm or npx has started this process. */
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

/** Each variable, and what is probably wrong with its name. */
function nearSettings(environment: Environment): readonly { readonly name: string; readonly warning: string }[] {
  const all: readonly Setting<unknown>[] = [...PARTS, CLIENT_SETTINGS].flatMap((part: Settings) => Object.values(part));
  const files = all.flatMap(({ name, isSecret }) => (isSecret ? `${name}_FILE` : []));
  const known = [...all.flatMap(({ name, aliases = [] }) => [name, ...aliases]), ...files];
  return Object.keys(environment).flatMap((name) => {
    if (known.includes(name) || !/^[A-Z][A-Z0-9_]+$/.test(name) || OTHERS.test(name) || !textOf(environment, name)) {
      return [];
    }
    const setting = all.find((each) => name === `${each.name}_FILE`)?.name;
    if (setting) return { name, warning: `${name} is set, but ${setting} cannot be given as a file: set ${setting}` };
    const meant = nearestName(name, known, name.length < 8 ? 1 : 2);
    return meant ? { name, warning: `${name} is set, and there is no such setting: is ${meant} meant?` } : [];
  });
}

/** Proxies of other programs; Node, npm and GitHub Actions; what Kubernetes sets for each Service. */
const OTHERS =
  /^(?:ALL_PROXY|FTP_PROXY|RSYNC_PROXY|NODE_.*|NPM_.*|GITHUB_(?:ACTION|ACTOR|BASE|ENV|EVENT|GRAPHQL|HEAD|JOB|OUTPUT|PATH|REF|REPOSITORY|RETENTION|RUN|SERVER|SHA|STATE|STEP|TRIGGERING|WORKFLOW|WORKSPACE).*|.*_SERVICE_(?:HOST|PORT(?:_.*)?)|.+_PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?)?)$/;

/** The text of docs/configuration.md. */
export function configurationReference(): string {
  return [
    "<!-- Generated from src/service/config/ by `npm run docs`. Do not edit. -->",
    "# Configuration",
    "",
    "All settings are environment variables, read at the start. An empty variable counts as unset. A value that cannot",
    "be used stops the start with one message that names every problem. A secret can be given as a file instead:",
    "`GITHUB_TOKEN_FILE=/run/secrets/github-token`. Files are read again when they change, without a restart",
    "([operations.md](operations.md#rotating-secrets)).",
    "",
    'What workflows name themselves is not listed here: the variables of `env`, `githubToken`, and `githubApp`, where `"BOT"` means',
    "`BOT_ID` and `BOT_PRIVATE_KEY` ([workflows.md](workflows.md#identities)). They can be files, too.",
    "",
    "Node's own variables apply as well. `NODE_EXTRA_CA_CERTS` names a file with certificate authorities to trust, in addition to",
    "those that Node brings with it. `NODE_USE_SYSTEM_CA=1` adds those of the machine: what is in `/etc/ssl/certs`, or what",
    "`SSL_CERT_FILE` and `SSL_CERT_DIR` name. Without it these two and the machine's certificates do not count.",
    "",
    ...section("HTTP", HTTP_SETTINGS),
    ...section("GitHub", GITHUB_SETTINGS),
    ...section("Workflows", WORKFLOWS_SETTINGS),
    ...section("Access", AUTH_SETTINGS),
    ...section("Signing in", SIGN_IN_SETTINGS),
    ...section("Storage", STORE_SETTINGS),
    ...section("Logs, traces and notices", OBSERVE_SETTINGS),
    ...section(
      "The commands `gh-runner runs`, `start` and `workflow`",
      CLIENT_SETTINGS,
      "They talk to a running service, and read these alone.",
    ),
  ].join("\n");
}

function section(heading: string, settings: Settings, about?: string): readonly string[] {
  const rows = Object.values(settings).map(({ name, fallback, about, isSecret }) => {
    const names = isSecret ? `\`${name}\`, \`${name}_FILE\`` : `\`${name}\``;
    return `| ${names} | ${fallback ? `\`${fallback}\`` : "unset"} | ${about} |`;
  });
  const table = ["| setting | default | meaning |", "|---|---|---|", ...rows];
  return [`## ${heading}`, "", ...(about === undefined ? [] : [about, ""]), ...table, ""];
}
