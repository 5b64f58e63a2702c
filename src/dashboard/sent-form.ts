import type { Context } from "hono";

/** What a browser has sent with a form. Without a length, or with too much, it counts as empty. */
export async function sentForm(c: Context, maxBytes: number): Promise<URLSearchParams> {
  if (!(Number(c.req.header("content-length") ?? Number.NaN) <= maxBytes)) return new URLSearchParams();
  // A client that hung up in the middle has filled in nothing.
  return new URLSearchParams(await c.req.text().catch(() => ""));
}
