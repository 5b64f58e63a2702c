import { createHash } from "node:crypto";
import type { Call, Reply } from "./reply.ts";

/**
 * The answer to a GET with its ETag, or 304 if the client already has it. As at GitHub, the ETag also depends on the
 * token. A new token of an installation makes every ETag new.
 * @see https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
 */
export function conditional({ method, headers, token }: Call, reply: Reply): Reply {
  if (method !== "GET" || reply.status !== 200 || reply.json === undefined || reply.headers?.etag) return reply;
  const raw = Buffer.from(JSON.stringify(reply.json));
  const etag = `W/"${createHash("sha256").update(`${token}\0${headers.accept}\0`).update(raw).digest("hex")}"`;
  const common = {
    ...{ etag, "cache-control": "private, max-age=60, s-maxage=60", vary: "Accept, Authorization" },
    ...reply.headers,
  };
  const known = headers["if-none-match"]?.split(/\s*,\s*/) ?? [];
  if (known.includes(etag)) return { status: 304, headers: common };
  return { status: 200, headers: { "content-type": "application/json; charset=utf-8", ...common }, raw };
}
