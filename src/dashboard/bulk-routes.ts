import type { Context, Hono } from "hono";
import { limitOf, may, whyForbidden } from "../model/access.ts";
import type { RunFilter } from "../model/history.ts";
import type { Bulk } from "../model/run-actions.ts";
import type { Who } from "../model/who.ts";
import { type BulkAction, confirmPage, resultPage } from "./bulk-page.ts";
import { type Frame, messagePage } from "./layout.ts";
import { filterOf, isClear, type ListQuery, listPath } from "./list-query.ts";
import { PROTECTED } from "./protected.ts";
import type { Found, Site } from "./site.ts";

/** Mounts the actions on all runs of a filter: a confirmation page with their number, then the result. */
export function mountBulkPages(
  app: Hono,
  { shown: { runs }, page, guard, principalOf, whoOf, forbidden }: Site,
  queryIn: (c: Context) => ListQuery,
): void {
  const filterIn = (c: Context) => {
    const { before: _, ...filter } = queryIn(c);
    return filter;
  };

  /** Calls `work` with the filter of the request, if the filter is valid and the sender may change these runs. */
  const meant = (work: (c: Context, frame: Frame, filter: RunFilter) => Promise<Response>) =>
    page((c, frame) => {
      const { filter, problems } = filterOf(filterIn(c), frame);
      const principal = principalOf(c);
      const { workflow } = filter;
      if (workflow !== undefined && !may(principal.grants, "operate", workflow))
        return forbidden(c, whyForbidden(principal, "operate", workflow));
      if (isClear({ problems })) return work(c, still(frame), { ...filter, ...limitOf(principal.grants, "operate") });
      const { text, beside } = problems;
      const back = { href: listPath(filterIn(c)), text: "Back to the list" };
      return c.html(messagePage(still(frame), "This search is not valid", [...text, ...beside].join(" "), back), 400);
    });
  const ask = (action: BulkAction, find: (filter: RunFilter) => Promise<Found>) =>
    meant(async (c, frame, filter) => {
      const asked = { filter: filterIn(c), exact: exactly(filterIn(c), filter, frame.now) };
      return c.html(confirmPage(frame, action, asked, await find(filter)));
    });
  const act = (action: BulkAction, carryOut: (filter: RunFilter, who: Who) => Promise<Bulk>) =>
    meant(async (c, frame, filter) => {
      const done = await carryOut(filter, whoOf(c));
      return c.html(resultPage(frame, action, filterIn(c), done));
    });

  const failed = (filter: RunFilter) => ({ ...filter, status: "failure" as const });

  app.get(
    "/bulk/rerun",
    PROTECTED,
    guard("operate"),
    ask("rerun", async (filter) =>
      meansFailures(filter) ? runs.rerunnable(failed(filter)) : { runs: [], more: false },
    ),
  );
  app.post(
    "/bulk/rerun",
    PROTECTED,
    guard("operate"),
    act("rerun", async (filter, who) =>
      meansFailures(filter) ? runs.rerunAll(failed(filter), who) : { results: [], more: false },
    ),
  );
  app.get("/bulk/cancel", PROTECTED, guard("operate"), ask("cancel", runs.cancellable));
  app.post("/bulk/cancel", PROTECTED, guard("operate"), act("cancel", runs.cancelAll));
}

/** With another status, the list shows no failed runs. */
const meansFailures = ({ status }: RunFilter) => status === undefined || status === "failure";

/** The same filter with absolute times: it matches no later run, and still matches these runs later. */
function exactly(query: ListQuery, { since, until }: RunFilter, now: number): ListQuery {
  const text = (at: number) => new Date(at).toISOString();
  return {
    ...query,
    ...(since !== undefined && { since: text(since) }),
    until: text(Math.min(until ?? Number.POSITIVE_INFINITY, now + 1)),
  };
}

/** Turns live updates off: searching for hundreds of runs at each change would cost too much. */
const still = (frame: Frame): Frame => ({ ...frame, revision: undefined });
