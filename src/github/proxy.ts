import { BlockList, isIP, isIPv6 } from "node:net";

/** The settings that select a proxy. Proxy URLs may contain credentials. */
export type ProxySettings = {
  /** For addresses that begin with `http:`. */
  readonly httpProxy: string | undefined;
  /** For addresses that begin with `https:`. */
  readonly httpsProxy: string | undefined;
  /** Hosts that are reached without a proxy, separated by commas or spaces. */
  readonly noProxy: string | undefined;
};

/** The proxy for an address, without credentials, so that it can be shown. Undefined: none. */
export function proxyFor(url: string, settings: ProxySettings): string | undefined {
  const proxy = proxyUrlFor(url, settings);
  return proxy === undefined ? undefined : new URL(proxy).origin;
}

/**
 * The same with credentials, to connect to it. It follows the rules of curl and Go. undici's EnvHttpProxyAgent does
 * not: it reads the environment itself, uses HTTP_PROXY for https too, does not support ranges of addresses, and offers
 * no way to ask for its choice.
 */
export function proxyUrlFor(url: string, { httpProxy, httpsProxy, noProxy = "" }: ProxySettings): string | undefined {
  const { protocol, hostname, port } = new URL(url);
  const isSecure = protocol === "https:";
  const proxy = isSecure ? httpsProxy : httpProxy;
  if (proxy === undefined) return undefined;
  const host = { name: bare(hostname), port: port || (isSecure ? "443" : "80") };
  const isExempt = noProxy.split(/[,\s]+/).some((entry) => entry !== "" && covers(entry.toLowerCase(), host));
  return isExempt ? undefined : proxy;
}

/** A proxy stopped the request. The target host has not seen it. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
  readonly code = "PROXY";
  readonly remedy: string;
  constructor(message: string, remedy: string, cause: unknown) {
    super(message, { cause });
    this.remedy = remedy;
  }
}

/** The error of a request through a proxy. It becomes a `ProxyError` if the proxy failed. Otherwise it is unchanged. */
export function afterProxy(error: unknown, proxyUrl: string, url: string, to = new URL(url).host): unknown {
  const setting = new URL(url).protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const { origin, username } = new URL(proxyUrl);
  const proxy = `the proxy ${origin}`;
  const { code = "", message = "" } = (error ?? {}) as NodeJS.ErrnoException;

  const status = REJECTED.exec(message)?.[1];
  if (status === "407") {
    return username
      ? new ProxyError(`${proxy} rejected the credentials (407)`, `Check user and password in ${setting}.`, error)
      : new ProxyError(`${proxy} asks for credentials (407)`, `Put them into ${setting} ${AS}`, error);
  }
  if (status) {
    const remedy = `Allow ${to}'s host and port in the proxy, or name the host in NO_PROXY.`;
    return new ProxyError(`${proxy} rejected the connection to ${to} (${status})`, remedy, error);
  }
  if (code === "UND_ERR_PRX_TLS") {
    const remedy = `Check the host in ${setting}: it must be one that the certificate names.`;
    return new ProxyError(`${proxy} has a certificate for another name`, remedy, error);
  }
  if (!UNREACHABLE.includes(code)) return error;
  return new ProxyError(`${proxy} cannot be reached (${code})`, `Check ${setting}, and that the proxy is up.`, error);
}

/** How undici reports that a proxy did not answer 200, with a tunnel and without one. */
const REJECTED = /^Proxy (?:response|Authentication Required) \((\d+)\)/;

/** With a proxy, these errors can only be about the proxy: there is no other connection. */
const UNREACHABLE = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_PRX_CONN"];

const AS = "as http://USER:PASSWORD@HOST:PORT, with special characters percent-encoded.";

/**
 * Whether an entry of NO_PROXY covers a host. An entry is `*`, a name with all names below it, `.name` or `*.name` for
 * only the names below it, an address, or a range of addresses (10.0.0.0/8). With `:port` it applies to that port only.
 */
function covers(entry: string, { name, port }: { name: string; port: string }): boolean {
  const [, range, bits] = /^([\da-f.:]+)\/(\d+)$/.exec(entry) ?? [];
  if (range !== undefined) return isWithin(name, range, Number(bits));
  const [, given = entry, itsPort] = isIPv6(entry) ? [] : (/^(.*?)(?::(\d+))?$/.exec(entry) ?? []);
  if (itsPort !== undefined && itsPort !== port) return false;
  const covered = bare(given);
  if (covered === "*") return true;
  const below = covered.replace(/^\*?\./, "");
  return (covered === below && name === below) || name.endsWith(`.${below}`);
}

function isWithin(address: string, range: string, bits: number): boolean {
  const [family, ofRange] = [isIP(address), isIP(range)];
  if (family === 0 || family !== ofRange || bits > (family === 4 ? 32 : 128)) return false;
  const kind = family === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(range, bits, kind);
  return list.check(address, kind);
}

/** Without the brackets of IPv6, and without the final dot of a full name. */
function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1").replace(/(.)\.$/, "$1");
}
