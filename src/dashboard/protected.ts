import type { MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { withAccess } from "../model/route-access.ts";

/** A page loads only from the service, runs nothing inline, and may not be framed or kept. */
export const PROTECTED: MiddlewareHandler = async (c, next) => {
  await headers(c, next);
  // Not `c.header`, which would make another Response of it.
  c.res.headers.set("cache-control", "no-store");
};

/** A page that asks for no role, and what protects it. */
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
  // With "no-referrer" browsers would not send the origin of a POST either.
  referrerPolicy: "same-origin",
  // Only the server that speaks HTTPS can say that a name must be reached by HTTPS alone.
  strictTransportSecurity: false,
});
