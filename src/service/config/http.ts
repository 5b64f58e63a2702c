import { type Color, colorOf } from "../../model/color.ts";
import { urlPrefix } from "../../model/url-prefix.ts";
import { visibleName } from "../../model/visible.ts";
import { baseUrl, type Environment, numberFrom, oneOf, optional, readerOf, setting, type Values } from "./setting.ts";

/** The name and the links share the top bar. */
const MAX_NAME_CHARACTERS = 40;

export const HTTP_SETTINGS = {
  port: setting("PORT", "9555", "TCP port of the service.", portNumber),
  host: setting("HOST", "", "Address to listen on. Empty: all addresses, IPv4 and IPv6.", optional),
  publicUrl: setting(
    "PUBLIC_URL",
    "",
    "Address at which browsers reach the service: `https://ci.example/gh-runner`. Set it if a proxy in front changes `Host` or adds a " +
      "path (docs/operations.md#behind-a-proxy), for workflows with a `callback`, and for links in reports (FOLLOW). Empty: the " +
      "service uses the address of each request.",
    (text) => (text === "" ? undefined : publicUrl(text)),
  ),
  keepAliveSeconds: setting(
    "KEEP_ALIVE_SECONDS",
    "65",
    "How long an idle connection stays open, in seconds. Make it longer than the idle timeout of a proxy in front " +
      "(docs/operations.md#behind-a-proxy).",
    numberFrom(1, 3600),
  ),
  waitSeconds: setting(
    "WAIT_SECONDS",
    "10",
    "How long a request to `/dispatch` waits for its run before it gets a 202, in seconds.",
    numberFrom(0, 600),
  ),
  dashboard: setting(
    "DASHBOARD",
    "on",
    "The page at `/`. `off`: no page. The API still works, and so do the pages on which people answer callbacks.",
    (text) => oneOf(["on", "off"], "on or off")(text) === "on",
  ),
  pageName: setting(
    "PAGE_NAME",
    "",
    "Name of this installation, such as `staging`. The page shows it in the bar, the title and on the sign-in page. Up to " +
      `${MAX_NAME_CHARACTERS} characters.`,
    pageName,
  ),
  pageColor: setting(
    "PAGE_COLOR",
    "",
    "Colour of this installation, such as `#bf3989`: of a stripe above the bar, of the name, and of the icon in the browser's tab. The " +
      "`#` is optional. The page chooses black or white text for it.",
    pageColor,
  ),
  pageTime: setting(
    "PAGE_TIME",
    "local",
    "Time zone of the page: `local` (the reader's) or `utc`. Each reader can change it on the page. Without JavaScript, times are in UTC.",
    oneOf(["local", "utc"] as const, "local or utc"),
  ),
};

/** The address of the service, its timeouts, and its page. */
export type HttpConfig = Values<typeof HTTP_SETTINGS>;

/** Reads only these settings, even if others are invalid. */
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
  if (visibleName(text) !== text) throw new Error("contains invisible characters");
  return text || undefined;
}

function pageColor(text: string): Color | undefined {
  if (text === "") return undefined;
  const color = colorOf(text);
  if (color === undefined) throw new Error(`expected a colour such as #bf3989 or #b38, got "${text}"`);
  return color;
}

function publicUrl(text: string): string {
  const url = baseUrl("https://ci.example/gh-runner", "the settings of the proxy")(text);
  if (urlPrefix(new URL(url).pathname) !== undefined) return url;
  throw new Error("its path may only have letters, digits and ._~- between single slashes, such as /gh-runner");
}
