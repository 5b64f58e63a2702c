import { generateKeyPairSync } from "node:crypto";
import { appVariables } from "../../model/identity.ts";
import { type Config, readConfig } from "./config.ts";
import { readHttpConfig } from "./http.ts";
import { type Environment, readerOf, textOf } from "./setting.ts";

/** What `gh-runner dev` decides itself. */
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

/** The folder of workflows and the port that the environment names, for `gh-runner dev`. */
export function devDefaults(environment: Environment = process.env) {
  return {
    folder: textOf(environment, "WORKFLOWS_DIR") || "workflows",
    port: readHttpConfig(environment).port,
    /** Without a person at the machine, no browser is opened. */
    isAttended: !textOf(environment, "CI"),
  };
}

/**
 * The settings of a service on this machine alone, in front of a stand-in GitHub. What the environment says of the real
 * GitHub, of callers, of the database and of who is notified does not count: nothing that runs here may reach them.
 * @returns with the settings the names of variables that workflows declare and that are not set: they have made-up
 *   values. It grows as workflows are loaded.
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
  // No one is notified of what is tried.
  const address = () => undefined;
  // Its folder is loaded again whenever a file is saved, with what the variables are then.
  const source = { environment: {}, reader: readerOf({}) };
  return { config: { ...config, source, workflows: { ...config.workflows, variable, app, address } }, missing };
}

/** The stand-in takes any. */
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
