import type { MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { withAccess } from "../model/route-access.ts";

/** A protected page loads only from the service and runs no inline code. It cannot be framed or cached. */
export const PROTECTED: MiddlewareHandler = async (c, next) => {
  await headers(c, next);
  // `c.header` would create another Response.
  c.res.headers.set("cache-control", "no-store");
};

/** For a page that needs no role. `open` says what protects it instead. */
export const openTo = (open: string): MiddlewareHandler => withAccess({ open }, (c, next) => PROTECTED(c, next));

const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    styleSrc: ["'self'"],
    scriptSrc: ["'self'"],
    imgSrc: ["'self'"],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
    baseUri: ["'none'"],
  },
  xFrameOptions: "DENY",
  // With "no-referrer", browsers would not send the origin of a POST.
  referrerPolicy: "same-origin",
  // Only the server that terminates HTTPS knows whether a name must always use HTTPS.
  strictTransportSecurity: false,
});
