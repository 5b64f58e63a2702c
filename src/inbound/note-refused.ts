import type { Context, MiddlewareHandler } from "hono";
import type { RefusedEvent } from "../model/overview.ts";

/** Longer reasons and names say nothing more. */
const MAX_CHARACTERS = 300;

/**
 * Notes each request to a trigger that did not become a run: refused with a 4xx, or an event that nobody wanted. What
 * it notes is what the answer says, and of the request the name of the application alone.
 */
export function noteRefused(note: (event: RefusedEvent) => void, scrub: (text: string) => string): MiddlewareHandler {
  const bounded = (text: string) => [...scrub(text)].slice(0, MAX_CHARACTERS).join("");
  return async (c, next) => {
    await next();
    const { status } = c.res;
    if (status >= 500 || c.res.headers.has("x-run-id")) return;
    const answer = await jsonOf(c.res.clone());
    const reason = answer.detail ?? (answer.status === "ignored" ? answer.reason : undefined);
    if (typeof reason !== "string") return;
    const application = status === 400 ? await applicationIn(c) : undefined;
    note({
      method: c.req.method,
      path: c.req.path.slice(0, MAX_CHARACTERS),
      status,
      application: application === undefined ? undefined : bounded(application),
      reason: bounded(reason),
    });
  };
}

async function jsonOf(answer: Response): Promise<Record<string, unknown>> {
  const isJson = /json/.test(answer.headers.get("content-type") ?? "");
  return isJson ? ((await answer.json()) as Record<string, unknown>) : {};
}

/** Only of a body that was read already; nothing more is read for this. */
async function applicationIn(c: Context): Promise<string | undefined> {
  try {
    const { application } = (await c.req.json()) as { application?: unknown };
    return typeof application === "string" ? application : undefined;
  } catch {
    return undefined;
  }
}
