import { isIP } from "node:net";
import { urlPrefix } from "../../model/url-prefix.ts";

export function optional(text: string): string | undefined {
  return text || undefined;
}

/** A shell takes quotation marks away; `docker run --env-file`, a Kubernetes Secret and systemd may not. */
export function isQuoted(text: string): boolean {
  return /^(["'`]).*\1$/s.test(text);
}

/** Several secrets, any of which counts, so that one can be replaced without a gap. A secret may hold a comma. */
export function secretLines(text: string): readonly string[] {
  const lines = text.split("\n").map((line) => line.trim());
  if (lines.some(isQuoted)) throw new Error("one of the secrets is in quotation marks: remove them");
  return lines.filter(Boolean);
}

export function numberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!(number >= least && number <= most))
      throw new Error(`expected a number from ${least} to ${most}, got "${text}"`);
    return number;
  };
}

export function yesOrNo(text: string): boolean {
  if (text !== "true" && text !== "false") throw new Error(`expected true or false, got "${text}"`);
  return text === "true";
}

export function onOrOff(text: string): boolean {
  if (text !== "on" && text !== "off") throw new Error(`expected on or off, got "${text}"`);
  return text === "on";
}

export function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new Error(`expected a port from 0 to 65535, got "${text}"`);
  return port;
}

export function baseUrl(example: string, tokenSetting: string): (text: string) => string {
  return (text) => {
    const url = URL.parse(text);
    if (!url || !["http:", "https:"].includes(url.protocol)) throw new Error(`expected a URL such as ${example}`);
    if (url.username || url.password) throw new Error(`must not contain credentials: use ${tokenSetting}`);
    if (url.search || url.hash) throw new Error("must not contain a query or a fragment");
    return (url.origin + url.pathname).replace(/\/+$/, "");
  };
}

export function publicUrl(text: string): string {
  const url = baseUrl("https://ci.example/gh-runner", "the proxy's own settings")(text);
  if (urlPrefix(new URL(url).pathname) !== undefined) return url;
  throw new Error("its path must be names of letters, digits and ._~- behind single slashes, such as /gh-runner");
}

/** Without a scheme it is http, as curl and Go have it. Never repeats what it was given: there may be a password in it. */
export function proxyUrl(text: string): string | undefined {
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

/** Hosts: https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency/about-storage-of-your-data-with-data-residency */
export function gitHubApiUrl(text: string): string {
  const given = baseUrl("https://api.github.com or https://HOST/api/v3", "GITHUB_TOKEN")(text);
  const host = new URL(given).host.replace(/^www\./, "");
  const cloud = host === "github.com" || /^[^.]+\.ghe\.com$/.test(host) ? `api.${host}` : host;
  const isCloud = cloud === "api.github.com" || /^api\.[^.]+\.ghe\.com$/.test(cloud);
  if (isCloud && given !== `https://${cloud}`) {
    throw new Error(`expected https://${cloud}, where the API of that GitHub is, got "${text}"`);
  }
  return given;
}

/** A webhook: path and query are part of the secret. */
export function httpUrl(text: string): string | undefined {
  const url = URL.parse(text.trim());
  if (text === "") return undefined;
  if (!url || !["http:", "https:"].includes(url.protocol)) throw new Error("expected a URL that begins with https://");
  if (url.username || url.password) throw new Error("must not contain a user or a password");
  return url.href;
}

/** https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables */
export function headerList(text: string): Readonly<Record<string, string>> {
  if (text === "") return {};
  const pairs = text.split(",").map((pair) => {
    const [, name, value] = /^\s*([\w!#$%&'*+.^`|~-]+)=([\x21-\x7e]*)\s*$/.exec(pair) ?? [];
    if (name === undefined || value === undefined) throw new Error("expected name=value, with commas in between");
    if (isQuoted(value)) throw new Error(`the value of ${name} is in quotation marks: remove them`);
    let text: string;
    try {
      text = decodeURIComponent(value);
    } catch {
      throw new Error(`the value of ${name} is not percent-encoded`);
    }
    if (!/^[\t\x20-\x7e]*$/.test(text)) throw new Error(`the value of ${name} holds a character that no header has`);
    return [name, text] as const;
  });
  return Object.fromEntries(pairs);
}

/** Never repeats what it was given: there may be a password in it. */
export function databaseUrl(text: string): string | undefined {
  if (text === "") return undefined;
  const url = URL.parse(text);
  // A slash or a question mark in a password ends the host there: an @ behind it shows that more was meant.
  const isCut = url !== null && (url.pathname || url.search).includes("@");
  if (!url || !["postgres:", "postgresql:"].includes(url.protocol) || url.hash || isCut) {
    throw new Error(
      "expected an address such as postgres://USER:PASSWORD@HOST:5432/DATABASE, user and password percent-encoded",
    );
  }
  try {
    for (const part of [url.username, url.password, url.pathname]) decodeURIComponent(part);
  } catch {
    throw new Error("user, password and database must be percent-encoded: write a percent sign as %25");
  }
  return text;
}

export function schemaName(text: string): string {
  if (!/^[a-z_][a-z0-9_]{0,39}$/.test(text))
    throw new Error(`expected lower-case letters, digits and _, at most 40 of them, got "${text}"`);
  return text;
}

export function repository(text: string): string {
  const name = /^[\w.-]+\/([\w.-]+)$/.exec(text)?.[1];
  if (!name || /^\.\.?$/.test(name)) throw new Error(`expected owner/name, got "${text}"`);
  return text;
}

export function pathTemplates(text: string): readonly string[] {
  const templates = text.split(",").map((template) => template.trim());
  for (const template of templates) {
    if (!template.includes("{application}")) throw new Error(`expected {application} in each path, got "${template}"`);
    if (template.split("/").some((segment) => ["", ".", ".."].includes(segment))) {
      throw new Error(`expected paths from the repository's root without empty, . or .. segments, got "${template}"`);
    }
  }
  return templates;
}

/** At most so many units in so many milliseconds. */
type Limit = { readonly unit: "points" | "writes"; readonly most: number; readonly ms: number };

export function limits(text: string): "auto" | "on" | "off" | readonly Limit[] {
  if (text === "auto" || text === "on" || text === "off") return text;
  return text.split(",").map((each) => {
    const [, unit, most, seconds] = /^\s*(points|writes)=([1-9]\d*)\/(\d+(?:\.\d+)?)s\s*$/.exec(each) ?? [];
    const ms = Number(seconds) * 1000;
    if (!unit || !(ms > 0)) {
      throw new Error(`expected auto, on, off, or limits such as points=900/60s,writes=80/60s, got "${each.trim()}"`);
    }
    return { unit: unit as Limit["unit"], most: Number(most), ms };
  });
}

export function keyPath(text: string): string {
  if (text.split(".").includes("")) throw new Error(`expected names with dots in between, got "${text}"`);
  return text;
}

/** GitHub's own bound: https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event */
export function eventType(text: string): string {
  if (text.length > 100) throw new Error(`expected at most 100 characters, got ${text.length}`);
  return text;
}

export function token(text: string): string | undefined {
  const trimmed = text.trim();
  if (!/^[\x21-\x7e]*$/.test(trimmed)) throw new Error("contains characters that no token has (spaces, line breaks)");
  return trimmed || undefined;
}

/** Client IDs: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app */
export function appId(text: string): string | undefined {
  const id = text.trim();
  if (!/^(?:\d+|Iv[\w.]+)?$/.test(id)) {
    throw new Error(`expected the App ID, a number, or the client ID, which begins with Iv, got "${id}"`);
  }
  return id || undefined;
}

export function tokenList(text: string): readonly string[] {
  const tokens = text.split(",").map((each) => each.trim());
  if (text !== "" && tokens.includes(""))
    throw new Error("expected tokens with commas in between, one of them is empty");
  return tokens.filter(Boolean).map((each) => {
    if (isQuoted(each)) throw new Error("one of the tokens is in quotation marks: remove them");
    return token(each) ?? "";
  });
}

export function level(text: string): string {
  const levels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];
  if (!levels.includes(text)) throw new Error(`expected one of ${levels.join(", ")}, got "${text}"`);
  return text;
}
