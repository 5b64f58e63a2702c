import { type Color, colorOf } from "../../model/color.ts";
import { urlPrefix } from "../../model/url-prefix.ts";
import { visibleName } from "../../model/visible.ts";
import { baseUrl, type Environment, numberFrom, oneOf, optional, readerOf, setting, type Values } from "./setting.ts";

/** A name shares the bar with the links. */
const MAX_NAME_CHARACTERS = 40;

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
  pageName: setting(
    "PAGE_NAME",
    "",
    "What the page calls this installation, such as `staging`: in the bar, the title and on the sign-in page. Up to " +
      `${MAX_NAME_CHARACTERS} characters.`,
    pageName,
  ),
  pageColor: setting(
    "PAGE_COLOR",
    "",
    "The colour of this installation, such as `#bf3989`: a stripe above the bar, the name, and the icon in the browser's tab. The " +
      "`#` may be left out. Text on it is black or white, which of the two can be read.",
    pageColor,
  ),
  pageTime: setting(
    "PAGE_TIME",
    "local",
    "The zone of times on the page: `local`, that of the reader, or `utc`. Each reader can change it on the page. Without " +
      "JavaScript, times are in UTC.",
    oneOf(["local", "utc"] as const, "local or utc"),
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

function pageName(text: string): string | undefined {
  const characters = [...text].length;
  if (characters > MAX_NAME_CHARACTERS)
    throw new Error(`expected up to ${MAX_NAME_CHARACTERS} characters, got ${characters}`);
  if (visibleName(text) !== text) throw new Error("contains characters that cannot be seen");
  return text || undefined;
}

function pageColor(text: string): Color | undefined {
  if (text === "") return undefined;
  const color = colorOf(text);
  if (color === undefined) throw new Error(`expected a colour such as #bf3989 or #b38, got "${text}"`);
  return color;
}

function publicUrl(text: string): string {
  const url = baseUrl("https://ci.example/gh-runner", "the proxy's own settings")(text);
  if (urlPrefix(new URL(url).pathname) !== undefined) return url;
  throw new Error("its path must be names of letters, digits and ._~- behind single slashes, such as /gh-runner");
}
