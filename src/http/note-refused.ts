import type { Context, MiddlewareHandler } from "hono";
import type { RefusedEvent } from "../model/overview.ts";
import type { Secrets } from "../observe/secrets.ts";
import { detailOf } from "./problem.ts";

/** Longer reasons and names say nothing more. */
const MAX_CHARACTERS = 300;

/**
 * Notes each request to a trigger that did not become a run: refused with a 4xx, or an event that nobody wanted. What
 * it notes is what the answer says, and of the request the name of the application alone.
 */
export function noteRefused(
  note: (event: RefusedEvent) => void,
  { hide, brief }: Pick<Secrets, "hide" | "brief">,
): MiddlewareHandler {
  return async (c, next) => {
    const shown: (() => void)[] = [];
    c.set(HIDE, (token: string) => shown.push(hide(token)));
    try {
      await next();
      await look(c);
    } finally {
      for (const show of shown) show();
    }
  };

  async function look(c: Context): Promise<void> {
    const { status } = c.res;
    if (status >= 500 || c.res.headers.has("x-run-id")) return;
    const reason = detailOf(c.res) ?? (await reasonIn(c.res.clone()));
    if (typeof reason !== "string") return;
    const application = status === 400 ? await applicationIn(c) : undefined;
    note({
      method: c.req.method,
      path: brief(c.req.path, MAX_CHARACTERS),
      status,
      application: application === undefined ? undefined : brief(application, MAX_CHARACTERS),
      reason: brief(reason, MAX_CHARACTERS),
    });
  }
}

const HIDE = "hide while answered";

/** Hides the token that a request came with, until it is answered and noted. */
export function hideWhileAnswered(c: Context, token: string): void {
  (c.get(HIDE) as (token: string) => void)(token);
}

async function reasonIn(answer: Response): Promise<unknown> {
  if (!/json/.test(answer.headers.get("content-type") ?? "")) return undefined;
  const { detail, status, reason } = (await answer.json()) as Record<string, unknown>;
  return detail ?? (status === "ignored" ? reason : undefined);
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
