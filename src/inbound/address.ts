import type { IncomingMessage } from "node:http";
import type { Context } from "hono";

/** The address that a request came from: the caller's, or that of the proxy in front. */
export function addressOf(c: Context): string {
  return (c.env as { incoming?: IncomingMessage } | undefined)?.incoming?.socket.remoteAddress ?? "";
}
