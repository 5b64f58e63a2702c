import type { Hono } from "hono";
import * as z from "zod";
import type { Outage } from "../model/outage.ts";
import type { Guard } from "./authorize.ts";
import { type Json, json, type Operation, type RefTo } from "./openapi-parts.ts";

/** Created only for the description of the API. */
const outageSchema = () =>
  z.object({
    outage: z
      .object({
        since: z.iso.datetime().meta({ description: "When the first request failed." }),
        until: z.iso.datetime().meta({ description: "When GitHub worked again. Absent during the outage." }).optional(),
        fault: z.string().meta({ description: "What the requests got instead of answers." }),
      })
      .nullable()
      .meta({
        description: "null if there is none. After its end, an outage stays here until the late runs are reported.",
      }),
  });

/** Mounts `GET /api/outage`: whether GitHub fails most requests, as any replica observed. */
export function mountOutageApi(
  app: Hono,
  { outage, guard }: { readonly outage: () => Promise<Outage | undefined>; readonly guard: Guard },
): void {
  app.get("/api/outage", guard("read-all"), async (c) => c.json(shown(await outage())));
}

function shown(outage: Outage | undefined): z.infer<ReturnType<typeof outageSchema>> {
  if (!outage) return { outage: null };
  const { since, until, fault } = outage;
  const text = (at: number) => new Date(at).toISOString();
  return { outage: { since: text(since), ...(until !== undefined && { until: text(until) }), fault } };
}

export function outagePath({ refTo, describe }: { refTo: RefTo; describe: (operation: Operation) => Json }): Json {
  return {
    "/api/outage": {
      get: describe({
        about: ["get-outage", "service", "Check whether GitHub fails most requests, and since when"],
        200: json("The current outage.", refTo(outageSchema(), "Outage")),
        503: "The database cannot be read.",
      }),
    },
  };
}
