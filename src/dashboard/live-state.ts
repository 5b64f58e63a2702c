import type { Context } from "hono";
import type { RunDetail } from "../model/history.ts";
import { isOpen } from "../model/run.ts";
import { failureCount, iconOf, type Look } from "./layout.ts";
import { cut, nameText, statusName, subjectOf } from "./shown.ts";

/** The page's script asks for up to this many in one request. */
const MAX_RUNS = 20;

/** A notification has room for this much. */
const MAX_BODY_CHARACTERS = 200;

/**
 * The state for a tab in the background: its icon, the number before its title, and which runs of the query are open or have
 * ended. Paths are relative to the address of the service.
 */
export async function liveState(
  c: Context,
  look: Look,
  { failures, get }: { failures: number; get: (id: string) => Promise<RunDetail | undefined> },
): Promise<Response> {
  const ids = (c.req.query("runs") ?? "").split(",").filter(Boolean).slice(0, MAX_RUNS);
  const found = await Promise.all(ids.map((id) => get(id)));
  const runs = found.flatMap((detail) => detail?.run ?? []);
  const icon = iconOf(look, failures).slice(1);
  return c.json({
    count: failureCount(failures),
    icon,
    open: runs.filter(isOpen).map(({ id }) => id),
    ended: runs
      .filter((run) => !isOpen(run))
      .map((run) => ({
        id: run.id,
        path: `runs/${run.id}`,
        title: `${nameText(subjectOf(run))}: ${statusName(run.status)}`,
        body: cut([look.name, run.workflow, run.reason].filter(Boolean).join(" · "), MAX_BODY_CHARACTERS),
        icon,
      })),
  });
}
