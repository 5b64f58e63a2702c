import { generateKeyPairSync } from "node:crypto";
import { appVariables } from "../../model/identity.ts";
import { type Config, readConfig } from "./config.ts";
import { type Environment, readerOf, textOf } from "./setting.ts";

/** The values that `gh-runner dev` chooses. */
type Given = {
  /** Of the stand-in GitHub. */
  readonly apiUrl: string;
  readonly token: string;
  readonly webhookSecret: string;
  readonly port: number;
  /** Folder of the workflows. */
  readonly folder: string;
  readonly dataDir: string;
};

/**
 * The folder of workflows and the port that the environment names, for `gh-runner dev`.
 * @throws ConfigError if the port is invalid.
 */
export function devDefaults(environment: Environment = process.env) {
  return {
    folder: textOf(environment, "WORKFLOWS_DIR") || "workflows",
    port: readConfig({ PORT: environment.PORT }).http.port,
    /** Whether a person uses this machine. If not, no browser opens. */
    isAttended: !textOf(environment, "CI"),
  };
}

/**
 * The settings of a service that only this machine can reach, with a stand-in GitHub. Ignores the environment's settings for the
 * real GitHub, callers, the database and notices, because nothing that runs here may reach them.
 * @returns the settings, and the names of declared variables that are not set. These get made-up values. The set grows while
 *   workflows are loaded.
 */
export function readDevConfig(
  { apiUrl, token, webhookSecret, port, folder, dataDir }: Given,
  environment: Environment = process.env,
): { readonly config: Config; readonly missing: ReadonlySet<string> } {
  const kept = Object.entries(environment).filter(([name]) => !NOT_FOR_DEV.test(name));
  const noProxy = [textOf(environment, "no_proxy") || textOf(environment, "NO_PROXY"), "127.0.0.1"];
  const config = readConfig({
    TARGET_REPO: "acme/shop",
    DEPLOYMENT_REPO: "acme/deployment",
    ...Object.fromEntries(kept),
    NO_PROXY: noProxy.filter(Boolean).join(","),
    HOST: "127.0.0.1",
    PORT: String(port),
    DASHBOARD: "on",
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    GITHUB_API_URL: apiUrl,
    GITHUB_TOKEN: token,
    GITHUB_WEBHOOK_SECRET: webhookSecret,
    DATA_DIR: dataDir,
    WORKFLOWS_DIR: folder,
    WORKFLOWS_STRICT: "false",
    WORKFLOWS_RELOAD: "false",
  });
  const missing = new Set<string>();
  const variable = (name: string) => {
    const value = config.workflows.variable(name);
    if (value === undefined) missing.add(name);
    return value ?? madeUp(name);
  };
  let privateKey: string | undefined;
  const app = (name: string) => {
    const names = Object.values(appVariables(name));
    if (names.every((each) => config.workflows.variable(each) !== undefined)) return config.workflows.app(name);
    for (const each of names) missing.add(each);
    privateKey ??= madeUpKey();
    return { name, id: madeUp(name), privateKey };
  };
  // A trial must not notify anyone.
  const address = () => undefined;
  // Each saved file reloads the folder, with the current values of the variables.
  const source = { environment: {}, reader: readerOf({}) };
  return { config: { ...config, source, workflows: { ...config.workflows, variable, app, address } }, missing };
}

/** The stand-in accepts any key. */
function madeUpKey(): string {
  return generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  }).privateKey;
}

/** The value of a variable that is not set. */
export function madeUp(name: string): string {
  return `dev-${name}`;
}

const NOT_FOR_DEV =
  /^(?:GITHUB_(?:TOKEN|APP_ID|APP_PRIVATE_KEY|WEBHOOK_SECRET)|AUTH_TOKENS|FLUX_HMAC_KEY|DATABASE_\w+|NOTIFY_URL|OTEL_EXPORTER_OTLP_\w+|no_proxy)(?:_FILE)?$/;
