import type { Context, MiddlewareHandler } from "hono";
import { problem } from "./problem.ts";

/**
 * Refuses what a page of another site makes a browser send: the browser may stand inside the network, or be signed in.
 * Callers that are no browsers send none of these headers and are let through.
 * @see https://www.w3.org/TR/fetch-metadata/
 */
export function refuseCrossSite(publicOrigin: string | undefined): MiddlewareHandler {
  return async (c, next) => {
    if (c.req.method === "GET" || c.req.method === "HEAD" || !isCrossSite(c, publicOrigin)) return next();
    return problem(
      403,
      "A page of another site made a browser send this. Send it from the service's own page, or from a program. If it " +
        "was the service's own page, a proxy has changed the Host header: set PUBLIC_URL to the address that the browser shows.",
    );
  };
}

function isCrossSite(c: Context, publicOrigin: string | undefined): boolean {
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  // Over plain HTTP browsers do not tell the site; with a POST they do tell the origin.
  const origin = c.req.header("origin");
  if (origin === undefined) return false;
  const url = URL.parse(origin);
  return url === null || (url.origin !== publicOrigin && url.host !== c.req.header("host"));
}
