import type { Context, MiddlewareHandler } from "hono";
import { getPath } from "hono/utils/url";
import { urlPrefix } from "../model/url-prefix.ts";

/** The address at which browsers reach the service, possibly through a proxy. */
export type PublicAddress = {
  /** `https://ci.example`. Undefined if PUBLIC_URL is not set. */
  readonly origin: string | undefined;
  /** The prefix of every path, such as `/gh-runner`. Usually empty. */
  prefixOf(c: Context): string;
  /** The service's address for the sender of a request: `https://ci.example/gh-runner`. */
  urlOf(c: Context): string;
  /** The path of a request without the prefix, whether or not the proxy removed it. */
  readonly getPath: (request: Request) => string;
  /** Adds the prefix to every link, form, asset and Location. */
  readonly underPrefix: MiddlewareHandler;
};

export function publicAddress(publicUrl: string | undefined): PublicAddress {
  const url = publicUrl === undefined ? undefined : new URL(publicUrl);
  const known = url && urlPrefix(url.pathname);

  // A proxy that removes a prefix sends this header. No other site can make a browser send it. The prefix goes only into links,
  // which are not stored, and it cannot name another host.
  const prefixOf = (c: Context) => known ?? urlPrefix(c.req.header("x-forwarded-prefix") ?? "") ?? "";

  return {
    origin: url?.origin,
    prefixOf,
    urlOf(c) {
      const requested = new URL(c.req.url);
      // Like the prefix, it goes only into pages, which are not stored.
      if (forwardedProtocol(c) === "https") requested.protocol = "https:";
      return (url?.origin ?? requested.origin) + prefixOf(c);
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
      // In text, a quote is written as `&quot;`. So the pattern matches only attributes that the service wrote.
      const text = (await c.res.text()).replace(LINK, `$1${prefix}/`);
      c.res = new Response(text, c.res);
    },
  };
}

/** The protocol of the browser: the first proxy wrote the first value. */
const forwardedProtocol = (c: Context) => c.req.header("x-forwarded-proto")?.split(",")[0]?.trim();

/** Matches the beginning of a path of the service in a page. */
const LINK = /(\b(?:href|src|action)="|\bcontent="0;url=)\/(?!\/)/g;
