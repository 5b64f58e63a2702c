import type { Hono } from "hono";
import { accepts } from "hono/accepts";
import { workflowsFor } from "../model/access.ts";
import type { LinesPage } from "../model/history.ts";
import { lineText } from "../model/line-text.ts";
import type { RunStore } from "../model/store.ts";
import { type Guard, principalOf } from "./authorize.ts";
import { type LinesShown, linesQuerySchema } from "./run-log-schemas.ts";
import { query, readable, time, unknown } from "./runs-api.ts";

/** Mounts `GET /api/runs/{id}/logs`. */
export function mountRunLogApi(
  app: Hono,
  { runs, guard }: { runs: Pick<RunStore, "lines" | "get">; guard: Guard },
): void {
  app.get("/api/runs/:id/logs", guard("read", { ownRuns: true }), async (c) => {
    const id = c.req.param("id");
    const page = query(c, linesQuerySchema);
    if (workflowsFor(principalOf(c).grants, "read") !== undefined) await readable(c, runs);
    const { lines, next } = (await runs.lines(id, page)) ?? unknown(id);
    c.header("vary", "accept");
    if (accepts(c, { header: "Accept", supports: [JSON_TYPE, TEXT_TYPE], default: JSON_TYPE }) === JSON_TYPE) {
      return c.json({ lines: lines.map(shownLine), next } satisfies LinesShown);
    }
    // https://www.rfc-editor.org/rfc/rfc8288
    if (lines.length === page.limit) {
      c.header("link", `</api/runs/${id}/logs?after=${next}&limit=${page.limit}>; rel="next"`);
    }
    return c.body(lines.map(plainLine).join(""), 200, { "content-type": "text/plain; charset=utf-8" });
  });
}

const JSON_TYPE = "application/json";
const TEXT_TYPE = "text/plain";

function shownLine({ at, ...rest }: LinesPage["lines"][number]): LinesShown["lines"][number] {
  return { ...rest, at: time(at) };
}

/** A line of the first attempt does not name the attempt: most runs have only one. */
function plainLine({ attempt, facts, ...rest }: LinesPage["lines"][number]): string {
  return lineText({ ...rest, facts: attempt === 1 ? facts : { ...facts, attempt } });
}
