import type { IncomingMessage } from "node:http";
import type { Context } from "hono";

/** Longer lists of proxies say nothing more in the log. */
const MAX_FORWARDED_CHARACTERS = 100;

/** For the log: where a request came from, and what it claims to have been forwarded for. Anybody can claim that. */
export function senderOf(
  c: Context,
  scrub: (text: string) => string,
): { readonly address: string; readonly forwarded_for?: string } {
  const forwarded = scrub(c.req.header("x-forwarded-for") ?? "").slice(0, MAX_FORWARDED_CHARACTERS);
  return { address: addressOf(c), ...(forwarded && { forwarded_for: forwarded }) };
}

/** The address that a request came from: the caller's, or that of the proxy in front. */
export function addressOf(c: Context): string {
  return (c.env as { incoming?: IncomingMessage } | undefined)?.incoming?.socket.remoteAddress ?? "";
}
