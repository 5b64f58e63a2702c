import { existsSync, readFileSync } from "node:fs";
import { nearestName } from "../../model/nearest-name.ts";
import { knownSecrets } from "../../observe/secrets.ts";
import { appPrivateKey } from "./private-key.ts";
import {
  appId,
  baseUrl,
  databaseUrl,
  eventType,
  gitHubApiUrl,
  headerList,
  httpUrl,
  isQuoted,
  keyPath,
  level,
  limits,
  numberFrom,
  onOrOff,
  optional,
  pathTemplates,
  portNumber,
  proxyUrl,
  publicUrl,
  repository,
  schemaName,
  secretLines,
  token,
  tokenList,
  yesOrNo,
} from "./setting-values.ts";

/** Every setting of the service: its name, its default as one would write it, and how its text becomes a value. */
const SETTINGS = {
  port: setting("PORT", "9555", "TCP port of the service.", portNumber),
  host: setting("HOST", "", "Address to listen on. Empty: all addresses, IPv4 and IPv6.", optional),
  publicUrl: setting(
    "PUBLIC_URL",
    "",
    "Where browsers reach the service, if a proxy in front changes `Host` or puts a path before its own: " +
      "`https://ci.example/gh-runner` (docs/operations.md#behind-a-proxy). Empty: as the request says.",
    (text) => (text === "" ? undefined : publicUrl(text)),
  ),
  keepAliveSeconds: setting(
    "KEEP_ALIVE_SECONDS",
    "65",
    "How long an idle connection stays open, in seconds. It must be longer than a proxy in front keeps its own: nginx and " +
      "AWS's load balancer keep them for 60 s. A proxy that sends a request on a connection as it is closed answers 502.",
    numberFrom(1, 3600),
  ),
  githubApiUrl: setting(
    "GITHUB_API_URL",
    "https://api.github.com",
    "Base URL of GitHub's REST API. GitHub Enterprise Server: `https://HOST/api/v3`.",
    gitHubApiUrl,
  ),
  httpsProxy: secret(
    "HTTPS_PROXY",
    "Proxy for addresses that begin with https, of GitHub, of NOTIFY_URL, and those that a workflow waits for " +
      "(`waitFor`): `http://HOST:PORT`, with credentials `http://USER:PASSWORD@HOST:PORT`. In lower case as well, which " +
      "wins, as for the next two.",
    proxyUrl,
    { aliases: ["https_proxy"] },
  ),
  httpProxy: secret("HTTP_PROXY", "The same for addresses that begin with http.", proxyUrl, {
    aliases: ["http_proxy"],
  }),
  noProxy: setting(
    "NO_PROXY",
    "",
    "Hosts that are reached without a proxy, with commas in between: a name (and all below it), `.name` (those below " +
      "it alone), an address, a range such as `10.0.0.0/8`, or `*`.",
    optional,
    { aliases: ["no_proxy"] },
  ),
  targetRepo: setting(
    "TARGET_REPO",
    "sematext/sematext-cloud",
    "Repository, as owner/name, that receives the `repository_dispatch` event.",
    repository,
  ),
  deploymentRepo: setting(
    "DEPLOYMENT_REPO",
    "sematext/deployment",
    "Repository, as owner/name, that holds the values files.",
    repository,
  ),
  githubToken: secret(
    "GITHUB_TOKEN",
    "Token for GitHub: Contents read on DEPLOYMENT_REPO, Contents write on TARGET_REPO. Without it only requests " +
      "that bring their own `github_token` work.",
    token,
  ),
  githubLimits: setting(
    "GITHUB_LIMITS",
    "auto",
    "Requests are held back before GitHub's limits. `auto`: where GitHub has limits by default (api.github.com and " +
      "*.ghe.com). `on`, `off`, or spelled out: `points=900/60s,writes=80/60s,writes=500/3600s` (a read costs 1 point, a " +
      "write 5). A pause that GitHub asks for is always kept.",
    limits,
  ),
  githubAppId: setting(
    "GITHUB_APP_ID",
    "",
    "App ID or client ID of a GitHub App that is used instead of GITHUB_TOKEN (docs/github-app.md).",
    appId,
  ),
  githubAppPrivateKey: secret(
    "GITHUB_APP_PRIVATE_KEY",
    "Private key of that App: PEM, PKCS#1 or PKCS#8, with line breaks or `\\n` in their place, or all of it in base64.",
    (text) => (text === "" ? undefined : appPrivateKey(text)),
    { mayBeQuoted: true },
  ),
  deploymentRef: setting(
    "DEPLOYMENT_REF",
    "",
    "Branch, tag or commit at which values files are read when the request names no revision. Empty: the default branch.",
    optional,
  ),
  valuesPaths: setting(
    "VALUES_PATHS",
    "configs/pr/light/{application}/values.yaml,configs/pr/heavy/{application}/values.yaml",
    "Comma-separated places of an application's values file; the first that exists wins.",
    pathTemplates,
  ),
  tagKey: setting("TAG_KEY", "global.config.DEPLOYMENT_TAG", "Dotted path of the commit hash in that file.", keyPath),
  eventType: setting(
    "EVENT_TYPE",
    "environment_ready",
    "Event type that is dispatched: 1 to 100 characters.",
    eventType,
  ),
  verifyCommit: setting(
    "VERIFY_COMMIT",
    "false",
    "`true`: before anything is dispatched, the commit must exist in TARGET_REPO: by its hash, whole or abbreviated, or " +
      "by a tag. A branch does not count, since it names another commit tomorrow. That costs one more read, or two; else " +
      "the run fails and names file, key and value.",
    yesOrNo,
  ),
  applicationPrefix: setting(
    "APPLICATION_PREFIX",
    "pr-",
    "Applications whose names do not start so are skipped. Set to nothing (`APPLICATION_PREFIX=`): none is skipped.",
    (text) => text,
    { emptyCounts: true },
  ),
  workflowsDir: setting(
    "WORKFLOWS_DIR",
    "",
    "Folder of your own workflows: each `*.ts`, `*.mts` or `*.js` in it is one (docs/workflows.md). Empty: none.",
    optional,
  ),
  githubWebhookSecret: secret(
    "GITHUB_WEBHOOK_SECRET",
    "What GitHub signs its webhooks with. Needed by workflows with the trigger `github`. To change it without a gap, give " +
      "the old and the new one, each on a line.",
    secretLines,
  ),
  fluxHmacKey: secret(
    "FLUX_HMAC_KEY",
    "What Flux signs its notifications with (provider `generic-hmac`), for workflows with the trigger `flux`. Unset: " +
      "they are let in like any caller, by one of AUTH_TOKENS. Several as above, each on a line.",
    secretLines,
  ),
  authTokens: secret(
    "AUTH_TOKENS",
    "Comma-separated tokens, any of which a caller must bring: `Authorization: Bearer TOKEN`, or basic authentication " +
      "with the token as password. Several, so that they can be rotated; long ones, as `openssl rand -hex 32` " +
      "makes them: shorter than 16 characters is warned of. Unset: open to everybody who can reach it.",
    tokenList,
  ),
  dataDir: setting(
    "DATA_DIR",
    "./data",
    "Folder of the database that holds waiting runs and history. It must outlive the process.",
    (text) => text,
  ),
  databaseUrl: secret(
    "DATABASE_URL",
    "PostgreSQL instead of the folder, for several replicas: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with TLS " +
      "`?sslmode=verify-full&sslrootcert=FILE` (docs/scaling.md). Unset: SQLite in DATA_DIR.",
    databaseUrl,
  ),
  databasePassword: secret(
    "DATABASE_PASSWORD",
    "Password for DATABASE_URL, where it is not in the address.",
    (text) => text || undefined,
  ),
  databaseSchema: setting(
    "DATABASE_SCHEMA",
    "gh_runner",
    "Schema of its tables in PostgreSQL. Deployments that share a database have one each.",
    schemaName,
  ),
  waitSeconds: setting(
    "WAIT_SECONDS",
    "10",
    "How long a caller of `/dispatch` waits for its run before it is answered 202, in seconds.",
    numberFrom(0, 600),
  ),
  retryHours: setting(
    "RETRY_HOURS",
    "24",
    "For how long a run that fails for passing reasons is attempted again, in hours; then it is a failure.",
    numberFrom(0, 720),
  ),
  dedupeSeconds: setting(
    "DEDUPE_SECONDS",
    "0",
    "Within so many seconds the same commit for the same application is dispatched once, and skipped after that. 0: always dispatched.",
    numberFrom(0, 604_800),
  ),
  notifyUrl: secret(
    "NOTIFY_URL",
    "Gets a JSON POST when a run has failed for good and when its group has recovered: a Slack webhook, or anything that " +
      "takes JSON (docs/operations.md).",
    httpUrl,
  ),
  traceEndpoint: setting(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "",
    "Base URL of an OpenTelemetry collector that takes OTLP over HTTP, such as `http://localhost:4318`. Empty: no traces.",
    (text) => (text === "" ? undefined : baseUrl("http://localhost:4318", "OTEL_EXPORTER_OTLP_HEADERS")(text)),
  ),
  traceHeaders: secret(
    "OTEL_EXPORTER_OTLP_HEADERS",
    "Headers for the collector: `name=value`, comma separated, values percent-encoded.",
    headerList,
  ),
  traceService: setting("OTEL_SERVICE_NAME", "gh-runner", "Name of the service in traces.", (text) => text),
  retainDays: setting("RETAIN_DAYS", "30", "For how long ended runs are kept, in days.", numberFrom(0.01, 3650)),
  dashboard: setting(
    "DASHBOARD",
    "on",
    "The page at `/`. `off`: there is none, and the API is all that is answered.",
    onOrOff,
  ),
  logLevel: setting("LOG_LEVEL", "info", "trace, debug, info, warn, error, fatal or silent.", level),
};

/** Whether npm or npx has started this process. */
export function isRunByNpm(environment: Environment = process.env): boolean {
  return textOf(environment, "npm_lifecycle_event") !== undefined;
}

/** What the commands need that talk to a running service. */
const CLIENT_SETTINGS = {
  url: setting(
    "GH_RUNNER_URL",
    "http://localhost:9555",
    "Where the service answers.",
    baseUrl("http://localhost:9555", "GH_RUNNER_TOKEN"),
  ),
  token: secret("GH_RUNNER_TOKEN", "One of the service's `AUTH_TOKENS`, if it has any.", token),
};

type Values<Settings extends Readonly<Record<string, Setting<unknown>>>> = {
  readonly [K in keyof Settings]: ReturnType<Settings[K]["parse"]>;
};

type GitHubApp = {
  /** App ID or client ID. */
  readonly id: string;
  /** PKCS#8 PEM. */
  readonly privateKey: string;
};

export type Config = Omit<Values<typeof SETTINGS>, "githubAppId" | "githubAppPrivateKey"> & {
  readonly githubApp: GitHubApp | undefined;
  /** Which of the two repositories are only the defaults. */
  readonly defaults: { readonly targetRepo: boolean; readonly deploymentRepo: boolean };
  /** Variables that are no settings, and have nearly the names of some. */
  readonly nearSettings: readonly NearSetting[];
  /**
   * A variable that a workflow declares, or what the file holds that `{name}_FILE` names; undefined when it is not set.
   * @throws Error when the file cannot be read.
   */
  readonly variable: (name: string) => string | undefined;
};

/** A variable and what is probably wrong with its name. */
type NearSetting = { readonly name: string; readonly warning: string };

/** Settings that cannot be used; the message names all of them and what to do. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads every setting once. An empty variable counts as unset. `NAME_FILE` names a file that holds a secret.
 * @throws ConfigError with all problems in one message.
 */
export function readConfig(environment: Environment = process.env): Config {
  const { config, problems } = inspectConfig(environment);
  if (problems.length > 0) {
    const lines = problems.map((problem) => `\n  ${problem}`).join("");
    throw new ConfigError(`Cannot start. Fix these settings (docs/configuration.md):${lines}`);
  }
  return config;
}

/** The same for whoever wants to look at the rest all the same: settings that cannot be used have their defaults. */
export function inspectConfig(environment: Environment = process.env): {
  readonly config: Config;
  /** `NAME: what is wrong` */
  readonly problems: readonly string[];
} {
  const { values, problems } = readSettings(SETTINGS, environment);
  const { githubAppId: id, githubAppPrivateKey: privateKey, ...others } = values;
  return {
    config: {
      ...others,
      githubApp: id && privateKey ? { id, privateKey } : undefined,
      defaults: {
        targetRepo: !textOf(environment, SETTINGS.targetRepo.name),
        deploymentRepo: !textOf(environment, SETTINGS.deploymentRepo.name),
      },
      nearSettings: nearSettings(environment),
      variable: (name) => secretText(environment, name) || undefined,
    },
    problems: [...problems, ...credentialProblems(environment)],
  };
}

/** What is wrong with settings that are right each by itself. */
function credentialProblems(environment: Environment): string[] {
  const isSet = (name: string) => Boolean(textOf(environment, name) || textOf(environment, `${name}_FILE`));
  const [hasId, hasKey] = [isSet("GITHUB_APP_ID"), isSet("GITHUB_APP_PRIVATE_KEY")];
  if (hasId && !hasKey) return ["GITHUB_APP_PRIVATE_KEY: is missing; GITHUB_APP_ID needs it"];
  if (hasKey && !hasId) return ["GITHUB_APP_ID: is missing; GITHUB_APP_PRIVATE_KEY needs it"];
  if (hasId && isSet("GITHUB_TOKEN")) {
    return ["GITHUB_TOKEN: is set, and a GitHub App too; unset one of them, so that it is clear which is used"];
  }
  return [];
}

/**
 * The same for the commands that talk to a running service.
 * @throws ConfigError with all problems in one line.
 */
export function readClientConfig(environment: Environment = process.env): Values<typeof CLIENT_SETTINGS> {
  const { values, problems } = readSettings(CLIENT_SETTINGS, environment);
  if (problems.length > 0) throw new ConfigError(problems.join("; "));
  return values;
}

function readSettings<Settings extends Readonly<Record<string, Setting<unknown>>>>(
  settings: Settings,
  environment: Environment,
): { values: Values<Settings>; problems: readonly string[] } {
  const problems: string[] = [];
  const entries = Object.entries(settings).map(([key, setting]) => {
    const { name, fallback, parse, isSecret, emptyCounts, aliases } = setting;
    try {
      const alias = aliases.find((each) => textOf(environment, each));
      const text = isSecret && !alias ? secretText(environment, name) : textOf(environment, alias ?? name);
      if (text !== undefined && !setting.mayBeQuoted && isQuoted(text)) throw new Error(QUOTED);
      // Unset may mean open to all: what was meant as a secret must not come to that.
      if (text === "" && isSecret && environment[alias ?? name]) throw new Error("holds nothing but white space");
      return [key, parse(text === undefined || (text === "" && !emptyCounts) ? fallback : text)];
    } catch (problem) {
      problems.push(`${name}: ${(problem as Error).message}`);
      return [key, parse(fallback)];
    }
  });
  return { values: Object.fromEntries(entries), problems: withoutSecrets(problems, settings, environment) };
}

const QUOTED = "is in quotation marks, which count as part of it: remove them";

/** Values that came in the wrong setting are repeated in what is wrong with it, and may be secrets. */
function withoutSecrets(
  problems: readonly string[],
  settings: Readonly<Record<string, Setting<unknown>>>,
  environment: Environment,
): readonly string[] {
  if (problems.length === 0) return problems;
  const secrets = Object.values(settings).flatMap(({ name, isSecret }) => {
    const text = isSecret ? (textOf(environment, name) ?? "") : "";
    return [text, ...text.split(",").map((each) => each.trim())];
  });
  const { brief } = knownSecrets(secrets);
  return problems.map((problem) => brief(problem.replace(OPAQUE, "***"), MAX_PROBLEM_CHARACTERS));
}

/** No name is so long without a dot or a slash. Tokens are, and the lines of a private key, which may have slashes. */
const OPAQUE = /(?<=, got ".*)(?:(?=[\w+/=-]*[A-Z])(?=[\w+/=-]*\d)[\w+/=-]{48,}|[\w+=-]{32,})/gs;

const MAX_PROBLEM_CHARACTERS = 1000;

/** Without white space around it: a line break at its end, or the carriage return of a file from Windows, is no part of it. */
function textOf(environment: Environment, name: string): string | undefined {
  return environment[name]?.trim();
}

function nearSettings(environment: Environment): readonly NearSetting[] {
  const all: readonly Setting<unknown>[] = [...Object.values(SETTINGS), ...Object.values(CLIENT_SETTINGS)];
  const files = all.flatMap(({ name, isSecret }) => (isSecret ? `${name}_FILE` : []));
  const known = [...all.flatMap(({ name, aliases }) => [name, ...aliases]), ...files];
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
    "<!-- Generated from src/service/config/config.ts by `npm run docs`. Do not edit. -->",
    "# Configuration",
    "",
    "All settings are environment variables, read once at start. An empty variable counts as unset. A value that cannot",
    "be used stops the start with one message that names every problem. A secret can be given as a file instead:",
    "`GITHUB_TOKEN_FILE=/run/secrets/github-token`.",
    "",
    ...rowsOf(SETTINGS),
    "",
    "The commands `gh-runner runs …` talk to a running service. They read these alone:",
    "",
    ...rowsOf(CLIENT_SETTINGS),
    "",
    "Node's own variables apply as well. `NODE_EXTRA_CA_CERTS` names a file with certificate authorities to trust, in addition to",
    "those that Node brings with it. `NODE_USE_SYSTEM_CA=1` adds those of the machine: what is in `/etc/ssl/certs`, or what",
    "`SSL_CERT_FILE` and `SSL_CERT_DIR` name. Without it these two and the machine's certificates do not count.",
    "",
  ].join("\n");
}

function rowsOf(settings: Readonly<Record<string, Setting<unknown>>>): string[] {
  const rows = Object.values(settings).map(({ name, fallback, about, isSecret }) => {
    const names = isSecret ? `\`${name}\`, \`${name}_FILE\`` : `\`${name}\``;
    return `| ${names} | ${fallback ? `\`${fallback}\`` : "unset"} | ${about} |`;
  });
  return ["| setting | default | meaning |", "|---|---|---|", ...rows];
}

type Setting<T> = {
  name: string;
  fallback: string;
  about: string;
  parse(text: string): T;
  isSecret: boolean;
  emptyCounts: boolean;
  /** It is found inside of quotation marks, too. */
  mayBeQuoted: boolean;
  /** Other names, which win. */
  aliases: readonly string[];
};

function setting<T>(
  name: string,
  fallback: string,
  about: string,
  parse: (text: string) => T,
  { emptyCounts = false, aliases = [] }: { emptyCounts?: boolean; aliases?: readonly string[] } = {},
): Setting<T> {
  return { name, fallback, about, parse, isSecret: false, emptyCounts, mayBeQuoted: false, aliases };
}

function secret<T>(
  name: string,
  about: string,
  parse: (text: string) => T,
  { aliases = [], mayBeQuoted = false }: { aliases?: readonly string[]; mayBeQuoted?: boolean } = {},
): Setting<T> {
  return { name, fallback: "", about, parse, isSecret: true, emptyCounts: false, mayBeQuoted, aliases };
}

function secretText(environment: Environment, name: string): string | undefined {
  const file = textOf(environment, `${name}_FILE`);
  const given = textOf(environment, name);
  if (!file) return given;
  if (given) throw new Error(`set either ${name} or ${name}_FILE, not both`);
  // What is no path may be the secret itself: neither it nor the system's error, which repeats it, is shown.
  if (!existsSync(file)) {
    throw new Error(
      `${name}_FILE names no file that exists. Its value is not shown, since it may be the secret itself: give it the path of a file, or set ${name}`,
    );
  }
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new Error(`cannot read ${name}_FILE: ${(cause as Error).message}`, { cause });
  }
  if (text === "") throw new Error(`the file named by ${name}_FILE is empty: ${file}`);
  return text;
}
