import { isIP } from "node:net";
import { type AppKey, appVariables } from "../../model/identity.ts";
import { appPrivateKey } from "./private-key.ts";
import { baseUrl, optional, type Reader, secret, setting, token } from "./setting.ts";

/** The address of GitHub, the proxy, the credentials, and the request limits. */
export const GITHUB_SETTINGS = {
  apiUrl: setting(
    "GITHUB_API_URL",
    "https://api.github.com",
    "Base URL of GitHub's REST API. GitHub Enterprise Server: `https://HOST/api/v3`.",
    gitHubApiUrl,
  ),
  httpsProxy: secret(
    "HTTPS_PROXY",
    "Proxy for https addresses: GitHub, NOTIFY_URL, and URLs that a workflow waits for (`waitFor`). `http://HOST:PORT`, or " +
      "`http://USER:PASSWORD@HOST:PORT`. The lower-case name `https_proxy` also works and takes precedence. The same is true of the " +
      "next two.",
    proxyUrl,
    { aliases: ["https_proxy"], hidden: passwordsIn },
  ),
  httpProxy: secret("HTTP_PROXY", "Proxy for http addresses.", proxyUrl, {
    aliases: ["http_proxy"],
    hidden: passwordsIn,
  }),
  noProxy: setting(
    "NO_PROXY",
    "",
    "Comma-separated hosts to reach without a proxy: a name (with its subdomains), `.name` (only the subdomains), an address, a " +
      "range such as `10.0.0.0/8`, or `*`.",
    optional,
    { aliases: ["no_proxy"] },
  ),
  serviceToken: secret(
    "GITHUB_TOKEN",
    "Token for GitHub: Contents read on DEPLOYMENT_REPO, Contents write on TARGET_REPO. Without it, only requests with a " +
      "`github_token` work.",
    token,
  ),
  appId: setting(
    "GITHUB_APP_ID",
    "",
    "App ID or client ID of a GitHub App to use instead of GITHUB_TOKEN (docs/github-app.md).",
    appId,
  ),
  appPrivateKey: secret(
    "GITHUB_APP_PRIVATE_KEY",
    "Private key of that App: PEM, PKCS#1 or PKCS#8, with line breaks or with `\\n` instead, or all of it in base64.",
    (text) => (text === "" ? undefined : appPrivateKey(text)),
    { mayBeQuoted: true },
  ),
  webhookOf: setting(
    "GITHUB_WEBHOOK_OF",
    "",
    "Owners of the webhooks that send to this service: `app`, `owner/name`, or an organisation, comma-separated. The service " +
      "reads their delivery logs for webhooks that it missed (docs/operations.md#missed-webhooks). `off`: it does not. Empty: " +
      "the GitHub App, if there is one, and TARGET_REPO.",
    webhookOwners,
  ),
  limits: setting(
    "GITHUB_LIMITS",
    "auto",
    "Whether the service delays requests to stay below GitHub's limits. `auto`: where GitHub has limits by default " +
      "(api.github.com and *.ghe.com). Or `on`, `off`, or your limits: `points=900/60s,writes=80/60s,writes=500/3600s,graphql=2000/60s` " +
      "(a read costs 1 point, a write 5; GraphQL has separate points). The service always respects a pause that GitHub asks for.",
    limits,
  ),
};

export function gitHubConfig({ values, isSet, problem }: Reader) {
  const { appId: id, appPrivateKey: privateKey, ...others } = values(GITHUB_SETTINGS);
  const [hasId, hasKey] = [isSet("GITHUB_APP_ID"), isSet("GITHUB_APP_PRIVATE_KEY")];
  if (hasId && !hasKey) problem("GITHUB_APP_PRIVATE_KEY", "is missing; GITHUB_APP_ID needs it");
  if (hasKey && !hasId) problem("GITHUB_APP_ID", "is missing; GITHUB_APP_PRIVATE_KEY needs it");
  if (hasId && hasKey && isSet("GITHUB_TOKEN")) {
    problem("GITHUB_TOKEN", "is set, and so is a GitHub App: unset one of them");
  }
  if (others.webhookOf?.includes("app") && !hasId)
    problem("GITHUB_WEBHOOK_OF", "app means the webhook of a GitHub App: set GITHUB_APP_ID");
  const app = id && privateKey ? { id, privateKey } : undefined;
  return { ...others, app, hasCredential: app !== undefined || others.serviceToken !== undefined };
}

/** Hosts: https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency/about-storage-of-your-data-with-data-residency */
function gitHubApiUrl(text: string): string {
  const given = baseUrl("https://api.github.com or https://HOST/api/v3", "GITHUB_TOKEN")(text);
  const host = new URL(given).host.replace(/^www\./, "");
  const cloud = host === "github.com" || /^[^.]+\.ghe\.com$/.test(host) ? `api.${host}` : host;
  const isCloud = cloud === "api.github.com" || /^api\.[^.]+\.ghe\.com$/.test(cloud);
  if (isCloud && given !== `https://${cloud}`) {
    throw new Error(`expected https://${cloud}, the address of its API, got "${text}"`);
  }
  return given;
}

/** A proxy without a scheme is http, as in curl and Go. Errors never repeat the text, because it may hold a password. */
function proxyUrl(text: string): string | undefined {
  if (text === "") return undefined;
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (!url || !["http:", "https:"].includes(url.protocol) || url.pathname !== "/" || url.search || url.hash) {
    throw new Error(
      "expected a proxy's URL such as http://proxy.example:3128 or http://USER:PASSWORD@proxy.example:3128",
    );
  }
  // TLS allows no IP address as server name: Node rejects it, and undici has no option for it.
  if (url.protocol === "https:" && isIP(url.hostname.replace(/[[\]]/g, "")) !== 0) {
    throw new Error(
      "an https proxy needs a host name, not an IP address, because its certificate is checked against the name",
    );
  }
  try {
    decodeURIComponent(url.username + url.password);
  } catch {
    throw new Error("user and password must be percent-encoded: write a percent sign as %25");
  }
  return url.href;
}

/** The credentials of a proxy, in every encoding in which they may appear. */
function passwordsIn(proxy: string | undefined): readonly string[] {
  const { username, password } = new URL(proxy ?? "http://none");
  if (!username && !password) return [];
  const plain = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return [decodeURIComponent(password), password, `${username}:${password}`, Buffer.from(plain).toString("base64")];
}

/** @returns undefined when not set; empty for `off`. */
function webhookOwners(text: string): readonly string[] | undefined {
  if (text === "") return undefined;
  if (text === "off") return [];
  return text.split(",").map((each) => {
    const owner = each.trim();
    if (/^[\w-]+(?:\/[\w.-]+)?$/.test(owner)) return owner;
    throw new Error(`expected app, off, owner/name, or the name of an organisation, got "${owner}"`);
  });
}

/** A limit of `most` units in `ms` milliseconds. */
type Limit = { readonly unit: "points" | "writes" | "graphql"; readonly most: number; readonly ms: number };

function limits(text: string): "auto" | "on" | "off" | readonly Limit[] {
  if (text === "auto" || text === "on" || text === "off") return text;
  return text.split(",").map((each) => {
    const [, unit, most, seconds] = /^\s*(points|writes|graphql)=([1-9]\d*)\/(\d+(?:\.\d+)?)s\s*$/.exec(each) ?? [];
    const ms = Number(seconds) * 1000;
    if (!unit || !(ms > 0)) {
      throw new Error(`expected auto, on, off, or limits such as points=900/60s,writes=80/60s, got "${each.trim()}"`);
    }
    return { unit: unit as Limit["unit"], most: Number(most), ms };
  });
}

/**
 * The GitHub App that a workflow names, from its two variables.
 * @throws Error that names the variable and says what to set.
 */
export function appOfWorkflow(name: string, variable: (name: string) => string | undefined): AppKey {
  const { id: idName, privateKey: keyName } = appVariables(name);
  const [id, key] = [variable(idName), variable(keyName)];
  const missing = [
    ...(id === undefined ? [`${idName} is not set: set it to the App ID or the client ID of the GitHub App`] : []),
    ...(key === undefined
      ? [`${keyName} is not set: set it to the App's private key, or ${keyName}_FILE to its file`]
      : []),
  ];
  if (id === undefined || key === undefined) throw new Error(missing.join("; "));
  return {
    name,
    id: named(idName, () => appId(id)) ?? "",
    privateKey: named(keyName, () => appPrivateKey(key, keyName)),
  };
}

function named<T>(variable: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new Error(`${variable}: ${(cause as Error).message}`, { cause });
  }
}

/** Client IDs: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app */
function appId(text: string): string | undefined {
  const id = text.trim();
  if (!/^(?:\d+|Iv[\w.]+)?$/.test(id)) {
    throw new Error(`expected the App ID, a number, or the client ID, which begins with Iv, got "${id}"`);
  }
  return id || undefined;
}
