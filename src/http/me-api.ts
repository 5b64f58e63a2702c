import type { Hono } from "hono";
import * as z from "zod";
import { roleOf } from "../model/access.ts";
import { CREDENTIALS } from "../model/credential.ts";
import { ROLES } from "../model/who.ts";
import { type Guard, principalOf } from "./authorize.ts";
import { type Json, json, type Operation, type RefTo } from "./openapi-parts.ts";

/** Made for the description of the API alone. */
const meSchema = () =>
  z.object({
    actor: z.string().meta({ description: "Who you are, as the history names it: `token argocd`." }),
    role: z.enum(ROLES).meta({ description: "The highest role that you have." }).optional(),
    grants: z
      .array(z.object({ role: z.enum(ROLES), workflows: z.array(z.string()).optional() }))
      .meta({ description: "Each role, and to which workflows it is limited; without `workflows` to none." }),
    via: z.enum(CREDENTIALS).meta({ description: "What you brought to be let in." }),
  });

/** Mounts `GET /api/me`: who sends a request, and what they may do. */
export function mountMeApi(app: Hono, guard: Guard): void {
  app.get("/api/me", guard("self"), (c) => {
    const { actor, grants, via } = principalOf(c);
    return c.json({ actor, role: roleOf(grants), grants, via });
  });
}

export function mePath({ refTo, describe }: { refTo: RefTo; describe: (operation: Operation) => Json }): Json {
  return {
    "/api/me": {
      get: describe({
        about: ["get-me", "service", "Who you are, and what you may do"],
        200: json("You.", refTo(meSchema(), "Me")),
      }),
    },
  };
}
