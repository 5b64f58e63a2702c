import type { Context, Hono } from "hono";
import type { Bulk } from "../model/run-actions.ts";
import { type BulkAction, confirmPage, resultPage } from "./bulk-page.ts";
import type { Frame } from "./layout.ts";
import type { ListQuery } from "./list-query.ts";
import { PROTECTED } from "./protected.ts";
import type { Found, Site } from "./site.ts";

/** Mounts what is done with all runs that a filter shows: first the question, with how many they are, then the result. */
export function mountBulkPages(
  app: Hono,
  { shown: { runs }, page, guard, actorOf }: Site,
  queryIn: (c: Context) => ListQuery,
): void {
  const filterIn = (c: Context) => {
    const { before: _, ...filter } = queryIn(c);
    return filter;
  };
  type Filter = ReturnType<typeof filterIn>;

  const ask = (action: BulkAction, find: (filter: Filter) => Promise<Found>) =>
    page(async (c, frame) => c.html(confirmPage(still(frame), action, filterIn(c), await find(filterIn(c)))));
  const act = (action: BulkAction, carryOut: (filter: Filter, actor: string) => Promise<Bulk>) =>
    page(async (c, frame) => {
      const done = await carryOut(filterIn(c), actorOf(c));
      return c.html(resultPage(still(frame), action, filterIn(c), done));
    });

  const failed = (filter: Filter) => ({ ...filter, status: "failure" as const });

  app.get(
    "/bulk/rerun",
    PROTECTED,
    guard,
    ask("rerun", (filter) => runs.rerunnable(failed(filter))),
  );
  app.post(
    "/bulk/rerun",
    PROTECTED,
    guard,
    act("rerun", (filter, actor) => runs.rerunAll(failed(filter), { actor })),
  );
  app.get("/bulk/cancel", PROTECTED, guard, ask("cancel", runs.cancellable));
  app.post("/bulk/cancel", PROTECTED, guard, act("cancel", runs.cancelAll));
}

/** A page that stays as it is: to look for hundreds of runs again with each change would be too much. */
const still = (frame: Frame): Frame => ({ ...frame, revision: undefined });
