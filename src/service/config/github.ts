import { isIP } from "node:net";
import { type AppKey, appVariables } from "../../model/identity.ts";
import { appPrivateKey } from "./private-key.ts";
import { baseUrl, optional, type Reader, secret, setting, token } from "./setting.ts";

/** Where GitHub is, by which way, as whom, and how much may be asked of it. */
export const GITHUB_SETTINGS = {
  apiUrl: setting(
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
    { aliases: ["https_proxy"], hidden: passwordsIn },
  ),
  httpProxy: secret("HTTP_PROXY", "The same for addresses that begin with http.", proxyUrl, {
    aliases: ["http_proxy"],
    hidden: passwordsIn,
  }),
  noProxy: setting(
    "NO_PROXY",
    "",
    "Hosts that are reached without a proxy, with commas in between: a name (and all below it), `.name` (those below " +
      "it alone), an address, a range such as `10.0.0.0/8`, or `*`.",
    optional,
    { aliases: ["no_proxy"] },
  ),
  serviceToken: secret(
    "GITHUB_TOKEN",
    "Token for GitHub: Contents read on DEPLOYMENT_REPO, Contents write on TARGET_REPO. Without it only requests " +
      "that bring their own `github_token` work.",
    token,
  ),
  appId: setting(
    "GITHUB_APP_ID",
    "",
    "App ID or client ID of a GitHub App that is used instead of GITHUB_TOKEN (docs/github-app.md).",
    appId,
  ),
  appPrivateKey: secret(
    "GITHUB_APP_PRIVATE_KEY",
    "Private key of that App: PEM, PKCS#1 or PKCS#8, with line breaks or `\\n` in their place, or all of it in base64.",
    (text) => (text === "" ? undefined : appPrivateKey(text)),
    { mayBeQuoted: true },
  ),
  webhookOf: setting(
    "GITHUB_WEBHOOK_OF",
    "",
    "Whose webhook sends to this service, for deliveries that are missed while it is down (docs/operations.md): `app`, " +
      "`owner/name`, or the name of an organisation; several with commas in between; `off`: none is looked for. Empty: the " +
      "GitHub App's if there is an App, and that of TARGET_REPO.",
    webhookOwners,
  ),
  limits: setting(
    "GITHUB_LIMITS",
    "auto",
    "Requests are held back before GitHub's limits. `auto`: where GitHub has limits by default (api.github.com and " +
      "*.ghe.com). `on`, `off`, or spelled out: `points=900/60s,writes=80/60s,writes=500/3600s,graphql=2000/60s` (a read " +
      "costs 1 point, a write 5; GraphQL has separate points). A pause that GitHub asks for is always kept.",
    limits,
  ),
};

export function gitHubConfig({ values, isSet, problem }: Reader) {
  const { appId: id, appPrivateKey: privateKey, ...others } = values(GITHUB_SETTINGS);
  const [hasId, hasKey] = [isSet("GITHUB_APP_ID"), isSet("GITHUB_APP_PRIVATE_KEY")];
  if (hasId && !hasKey) problem("GITHUB_APP_PRIVATE_KEY", "is missing; GITHUB_APP_ID needs it");
  if (hasKey && !hasId) problem("GITHUB_APP_ID", "is missing; GITHUB_APP_PRIVATE_KEY needs it");
  if (hasId && hasKey && isSet("GITHUB_TOKEN")) {
    problem("GITHUB_TOKEN", "is set, and a GitHub App too; unset one of them, so that it is clear which is used");
  }
  if (others.webhookOf?.includes("app") && !hasId)
    problem("GITHUB_WEBHOOK_OF", "app is the webhook of a GitHub App; set GITHUB_APP_ID");
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
    throw new Error(`expected https://${cloud}, where the API of that GitHub is, got "${text}"`);
  }
  return given;
}

/** Without a scheme it is http, as curl and Go have it. Never repeats what it was given: there may be a password in it. */
function proxyUrl(text: string): string | undefined {
  if (text === "") return undefined;
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (!url || !["http:", "https:"].includes(url.protocol) || url.pathname !== "/" || url.search || url.hash) {
    throw new Error(
      "expected a proxy's URL such as http://proxy.example:3128 or http://USER:PASSWORD@proxy.example:3128",
    );
  }
  // Node refuses to name an address to a server under TLS, and undici has no way around it.
  if (url.protocol === "https:" && isIP(url.hostname.replace(/[[\]]/g, "")) !== 0) {
    throw new Error("an https proxy needs a host name, not an address: its certificate is checked by the name");
  }
  try {
    decodeURIComponent(url.username + url.password);
  } catch {
    throw new Error("user and password must be percent-encoded: write a percent sign as %25");
  }
  return url.href;
}

/** The credentials of a proxy, in every spelling that they may take. */
function passwordsIn(proxy: string | undefined): readonly string[] {
  const { username, password } = new URL(proxy ?? "http://none");
  if (!username && !password) return [];
  const plain = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return [decodeURIComponent(password), password, `${username}:${password}`, Buffer.from(plain).toString("base64")];
}

/** Undefined: not set. Empty: none. */
function webhookOwners(text: string): readonly string[] | undefined {
  if (text === "") return undefined;
  if (text === "off") return [];
  return text.split(",").map((each) => {
    const owner = each.trim();
    if (/^[\w-]+(?:\/[\w.-]+)?$/.test(owner)) return owner;
    throw new Error(`expected app, off, owner/name, or the name of an organisation, got "${owner}"`);
  });
}

/** At most so many units in so many milliseconds. */
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
 * The GitHub App that a workflow names, out of its two variables.
 * @throws Error that names the variable, and what to set.
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
