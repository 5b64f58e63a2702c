import type { Context, Hono } from "hono";
import { eventsPage, PAGE_EVENTS } from "./events-page.ts";
import { listQuery } from "./list-query.ts";
import { PROTECTED } from "./protected.ts";
import type { Site } from "./site.ts";

/** Mounts `/events`: requests and events that started no run. */
export function mountEvents(app: Hono, { shown, page, guard }: Site): void {
  const { answers, scrub } = shown;
  const queryIn = (c: Context) =>
    listQuery((name) => {
      const given = c.req.query(name);
      return given === undefined ? undefined : scrub(given);
    });

  const events = page(async (c, frame) => {
    const { text = "", before } = queryIn(c);
    const found = await answers.events(text, { limit: PAGE_EVENTS, cursor: before }, frame.zone);
    return c.html(eventsPage(frame, { text, before, found }), found.problems.length > 0 ? 400 : 200);
  });

  app.get("/events", PROTECTED, guard("read-all"), events);
}
