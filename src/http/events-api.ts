import type { Hono } from "hono";
import type { FoundEvents, IgnoredEvent } from "../model/events.ts";
import type { Answers, Why } from "../model/why/facts.ts";
import type { Guard } from "./authorize.ts";
import {
  type EventsPageShown,
  eventsPageSchema,
  eventsQuerySchema,
  type WhyShown,
  whyQuerySchema,
  whySchema,
} from "./events-schemas.ts";
import { type Json, json, type Operation, queryParameters, type RefTo } from "./openapi-parts.ts";
import { Rejection } from "./problem.ts";
import { optionalTime, query, time } from "./runs-api.ts";

/** Mounts `GET /api/why` and `GET /api/events`: why an event or request started no run. */
export function mountEventsApi(app: Hono, { why, events, guard }: Answers & { guard: Guard }): void {
  app.get("/api/why", guard("read-all"), async (c) => c.json(shownWhy(await why(query(c, whyQuerySchema).text))));
  app.get("/api/events", guard("read-all"), async (c) => {
    const { text = "", ...page } = query(c, eventsQuerySchema);
    const { problems, ...found } = await events(text, page);
    if (problems.length > 0) throw new Rejection(400, problems.join(" "), {}, { problems: [...problems] });
    return c.json(shownEvents(found));
  });
}

function shownWhy({ findings, ...why }: Why): WhyShown {
  return { ...why, findings: findings.map(({ at, ...finding }) => ({ ...finding, at: optionalTime(at) })) };
}

function shownEvents({ events, next, rejected }: Omit<FoundEvents, "problems">): EventsPageShown {
  return {
    events: events.map(({ at, reasons, ...event }: IgnoredEvent) => ({
      at: time(at),
      ...event,
      reasons: [...reasons],
    })),
    next,
    rejected: rejected.map(({ firstAt, lastAt, ...kind }) => ({
      ...kind,
      firstAt: time(firstAt),
      lastAt: time(lastAt),
    })),
  };
}

export function eventsPaths({ refTo, describe }: { refTo: RefTo; describe: (operation: Operation) => Json }): Json {
  return {
    "/api/why": {
      get: describe({
        about: ["get-why", "runs", "Explain why nothing happened, or what happened"],
        description: "A short answer, the facts behind it, and what to do next, with commands to copy.",
        parameters: queryParameters(whyQuerySchema),
        200: json("The answer.", refTo(whySchema(), "Why")),
        400: "The query is not valid.",
        503: "The runs cannot be read.",
      }),
    },
    "/api/events": {
      get: describe({
        about: ["list-events", "runs", "List events that started no run, and rejected requests"],
        description: "The newest 5,000 events, for RETAIN_DAYS, and the latest 200 kinds of rejected requests.",
        parameters: queryParameters(eventsQuerySchema),
        200: json("A page of events.", refTo(eventsPageSchema(), "EventsPage")),
        400: "A query value is not valid. `problems` lists every problem of the search.",
        503: "The events cannot be read.",
      }),
    },
  };
}
