import type { Context, MiddlewareHandler } from "hono";
import { getPath } from "hono/utils/url";
import { urlPrefix } from "../model/url-prefix.ts";

/** Under which address browsers reach the service, where a proxy is in front. */
export type PublicAddress = {
  /** `https://ci.example`; undefined when PUBLIC_URL is not set. */
  readonly origin: string | undefined;
  /** The beginning of every path, such as `/gh-runner`; mostly empty. */
  prefixOf(c: Context): string;
  /** Where the sender of a request reaches the service: `https://ci.example/gh-runner`. */
  urlOf(c: Context): string;
  /** The path that a request is for, whether the proxy has taken the prefix away or not. */
  readonly getPath: (request: Request) => string;
  /** Puts the prefix before every link, form, asset and Location. */
  readonly underPrefix: MiddlewareHandler;
};

export function publicAddress(publicUrl: string | undefined): PublicAddress {
  const url = publicUrl === undefined ? undefined : new URL(publicUrl);
  const known = url && urlPrefix(url.pathname);

  // A proxy that takes a prefix away says so, and nobody else can make a browser send the header. It goes into links that
  // are kept nowhere, and cannot name another host.
  const prefixOf = (c: Context) => known ?? urlPrefix(c.req.header("x-forwarded-prefix") ?? "") ?? "";

  return {
    origin: url?.origin,
    prefixOf,
    urlOf(c) {
      const own = new URL(c.req.url);
      // Like the prefix, it goes into a page that is kept nowhere.
      if (forwardedProtocol(c) === "https") own.protocol = "https:";
      return (url?.origin ?? own.origin) + prefixOf(c);
    },
    getPath(request) {
      const path = getPath(request);
      return known && (path === known || path.startsWith(`${known}/`)) ? path.slice(known.length) || "/" : path;
    },
    async underPrefix(c, next) {
      await next();
      const prefix = prefixOf(c);
      if (prefix === "") return;
      const location = c.res.headers.get("location");
      if (location?.startsWith("/")) c.res.headers.set("location", prefix + location);
      if (!c.res.headers.get("content-type")?.startsWith("text/html")) return;
      // In text a quote is written `&quot;`, so these are attributes of ours.
      const text = (await c.res.text()).replace(LINK, `$1${prefix}/`);
      c.res = new Response(text, c.res);
    },
  };
}

/** As the proxy says that speaks with the browser: the first one. */
const forwardedProtocol = (c: Context) => c.req.header("x-forwarded-proto")?.split(",")[0]?.trim();

/** Where a path of the service begins in a page. */
const LINK = /(\b(?:href|src|action)="|\bcontent="0;url=)\/(?!\/)/g;
