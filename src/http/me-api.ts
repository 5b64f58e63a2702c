import type { Hono } from "hono";
import * as z from "zod";
import { roleOf } from "../model/access.ts";
import { CREDENTIALS } from "../model/credential.ts";
import { ROLES } from "../model/who.ts";
import { type Guard, principalOf } from "./authorize.ts";
import { type Json, json, type Operation, type RefTo } from "./openapi-parts.ts";

/** Created only for the description of the API. */
const meSchema = () =>
  z.object({
    actor: z.string().meta({ description: "Your name in the history, such as `token argocd`." }),
    role: z.enum(ROLES).meta({ description: "Your highest role." }).optional(),
    grants: z
      .array(z.object({ role: z.enum(ROLES), workflows: z.array(z.string()).optional() }))
      .meta({ description: "Your roles. `workflows` limits a role to these. Without it, the role has no limit." }),
    via: z.enum(CREDENTIALS).meta({ description: "The kind of credential that you used." }),
  });

/** Mounts `GET /api/me`: who sent the request, and what they may do. */
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
        about: ["get-me", "service", "Show who you are and what you may do"],
        200: json("You.", refTo(meSchema(), "Me")),
      }),
    },
  };
}
