import { urlPrefix } from "../../model/url-prefix.ts";
import { baseUrl, type Environment, numberFrom, oneOf, optional, readerOf, setting, type Values } from "./setting.ts";

export const HTTP_SETTINGS = {
  port: setting("PORT", "9555", "TCP port of the service.", portNumber),
  host: setting("HOST", "", "Address to listen on. Empty: all addresses, IPv4 and IPv6.", optional),
  publicUrl: setting(
    "PUBLIC_URL",
    "",
    "Where browsers reach the service, if a proxy in front changes `Host` or puts a path before its own: " +
      "`https://ci.example/gh-runner` (docs/operations.md#behind-a-proxy). Empty: as the request says. Workflows with a " +
      "`callback` need it, and so do the links of reports (FOLLOW).",
    (text) => (text === "" ? undefined : publicUrl(text)),
  ),
  keepAliveSeconds: setting(
    "KEEP_ALIVE_SECONDS",
    "65",
    "How long an idle connection stays open, in seconds. It must be longer than a proxy in front keeps its own: nginx and " +
      "AWS's load balancer keep them for 60 s. A proxy that sends a request on a connection as it is closed answers 502.",
    numberFrom(1, 3600),
  ),
  waitSeconds: setting(
    "WAIT_SECONDS",
    "10",
    "How long a caller of `/dispatch` waits for its run before it is answered 202, in seconds.",
    numberFrom(0, 600),
  ),
  dashboard: setting(
    "DASHBOARD",
    "on",
    "The page at `/`. `off`: there is none. The API stays, and the pages on which people answer callbacks.",
    (text) => oneOf(["on", "off"], "on or off")(text) === "on",
  ),
};

/** Where the service listens, and what it answers. */
export type HttpConfig = Values<typeof HTTP_SETTINGS>;

/** This part alone, even if others are wrong. */
export function readHttpConfig(environment: Environment = process.env): HttpConfig {
  return readerOf(environment).values(HTTP_SETTINGS);
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new Error(`expected a port from 0 to 65535, got "${text}"`);
  return port;
}

function publicUrl(text: string): string {
  const url = baseUrl("https://ci.example/gh-runner", "the proxy's own settings")(text);
  if (urlPrefix(new URL(url).pathname) !== undefined) return url;
  throw new Error("its path must be names of letters, digits and ._~- behind single slashes, such as /gh-runner");
}
