import type { Context, Hono } from "hono";
import { limitOf } from "../model/access.ts";
import { causesOf } from "../model/causes.ts";
import { NO_FILES } from "./broken-banner.ts";
import { listPage, PAGE_RUNS } from "./list-page.ts";
import { filterOf, isClear, type ListQuery } from "./list-query.ts";
import { PROTECTED } from "./protected.ts";
import type { Site } from "./site.ts";

/** The causes come from up to this many of the newest failures. */
const COMPARED_FAILURES = 1000;

/** Mounts the list of runs, with the state of the service above it. */
export function mountList(
  app: Hono,
  { shown, page, guard, principalOf, isGuarded, originOf }: Site,
  queryIn: (c: Context) => ListQuery,
): void {
  const { runs, overview, workflows, web } = shown;

  const list = page(async (c, frame) => {
    const { now } = frame;
    const query = queryIn(c);
    const { before: cursor } = query;
    const meant = filterOf(query, frame);
    const { grants } = principalOf(c);
    const { reader } = frame;
    const isWhole = reader.may("read-all");
    const filter = { ...meant.filter, ...limitOf(grants, "read") };
    const isMeant = isClear(meant);
    const isFailures = isMeant && filter.status === "failure" && cursor === undefined;
    const asks = query.text !== undefined && isMeant && cursor === undefined;
    const [found, counts, reasons, activity] = await Promise.all([
      isMeant ? runs.list(filter, { limit: PAGE_RUNS, cursor }) : { runs: [], next: undefined },
      isMeant ? runs.counts(filter) : undefined,
      isFailures ? runs.reasons(filter, COMPARED_FAILURES) : [],
      isWhole ? overview.activity(now) : undefined,
    ]);
    // A search without a result shows why nothing happened.
    const isAsked =
      asks && isWhole && (found.runs.length === 0 ? found.next === undefined : c.req.query("why") !== undefined);
    const facts = {
      why: isAsked ? await shown.answers.why(query.text, frame.zone) : undefined,
      ...{ query, ...meant, page: found, counts, activity, web, now },
      failures: { causes: causesOf(reasons), more: reasons.length === COMPARED_FAILURES },
      incidents: isWhole ? shown.incidents() : [],
      accounts: isWhole ? shown.accounts() : [],
      workflows: workflows.all.map(({ name }) => name).filter((name) => reader.may("read", name)),
      files: isWhole ? workflows : NO_FILES,
      rejectedSecrets: reader.may("operate-all") ? shown.rejectedSecrets() : [],
      origin: originOf(c),
      guarded: isGuarded,
    };
    return c.html(listPage(frame, facts), isMeant ? 200 : 400);
  });

  app.get("/", PROTECTED, guard("read"), list);
}
