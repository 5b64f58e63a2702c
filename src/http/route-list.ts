import type { Hono } from "hono";
import { accessOf, type RouteAccess } from "../model/route-access.ts";

/** A route that the service answers. */
export type Route = {
  readonly method: string;
  /** With `:name` for a variable part. */
  readonly path: string;
  /** Who may use the route. Undefined means that the route forgot to declare it. */
  readonly access: RouteAccess | undefined;
};

/** All routes, in the order in which they were mounted. */
export function routesOf({ routes }: Pick<Hono, "routes">): readonly Route[] {
  const found = new Map<string, Route>();
  for (const { method, path, handler } of routes) {
    if (method === "ALL") continue;
    const key = `${method} ${path}`;
    const access = found.get(key)?.access ?? accessOf(handler);
    found.set(key, { method, path, access });
  }
  return [...found.values()];
}
