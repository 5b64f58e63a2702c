import type { Hono } from "hono";
import { stream } from "hono/streaming";
import type { LinesPage } from "../model/history.ts";
import { lineText } from "../model/line-text.ts";
import { isAtLeast } from "../model/run.ts";
import { logPage } from "./log-page.ts";
import { type LogQuery, logQuery } from "./log-query.ts";
import { PROTECTED } from "./protected.ts";
import { noRun, readableTo } from "./run-routes.ts";
import type { Site } from "./site.ts";

/** Mounts the whole log of a run, as a page and as plain text. */
export function mountLogPages(app: Hono, { shown, page, guard, principalOf }: Site): void {
  const { runs } = shown;

  /** Yields the lines that the query selects, in the batches in which they are read. */
  async function* linesOf(id: string, { attempt, level, after }: LogQuery): AsyncGenerator<LinesPage["lines"]> {
    const isWanted = isAtLeast(level ?? "debug");
    let from = after ?? (attempt === undefined ? undefined : `${attempt}.0`);
    for (;;) {
      const read = await runs.lines(id, { after: from, limit: LINES_PER_READ });
      const those = read?.lines.filter((line) => attempt === undefined || line.attempt === attempt) ?? [];
      if (those.length > 0) yield those.filter(isWanted);
      if (!read || read.lines.length < LINES_PER_READ || those.length < read.lines.length) return;
      from = read.next;
    }
  }

  const show = page(async (c, frame) => {
    const id = c.req.param("id") ?? "";
    const detail = readableTo(c, principalOf(c), await runs.get(id));
    if (!detail) return noRun(c, frame);
    const query = logQuery(c);
    const lines: LinesPage["lines"][number][] = [];
    let more = false;
    for await (const some of linesOf(id, query)) {
      more = lines.length >= MOST_ON_A_PAGE;
      if (more) break;
      lines.push(...some);
    }
    return c.html(logPage(frame, detail.run, query, lines, more));
  });

  const plainText = page(async (c, frame) => {
    const id = c.req.param("id") ?? "";
    const query = logQuery(c);
    const detail = readableTo(c, principalOf(c), await runs.get(id));
    if (!detail) return noRun(c, frame);
    c.header("content-type", "text/plain; charset=utf-8");
    c.header("x-content-type-options", "nosniff");
    return stream(c, async (out) => {
      let attempt = 0;
      for await (const lines of linesOf(id, query)) {
        const text = lines.map((line) => {
          const heading = line.attempt === attempt ? "" : `--- attempt ${line.attempt}\n`;
          attempt = line.attempt;
          return heading + lineText(line);
        });
        await out.write(text.join(""));
      }
    });
  });

  app.get("/runs/:id/log", PROTECTED, guard("read", { ownRuns: true }), show);
  app.get("/runs/:id/log.txt", PROTECTED, guard("read", { ownRuns: true }), plainText);
}

const LINES_PER_READ = 500;
/** A page has no room for more. */
const MOST_ON_A_PAGE = 500;
