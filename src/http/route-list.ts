import type { Hono } from "hono";
import { accessOf, type RouteAccess } from "../model/route-access.ts";

/** A route that the service answers. */
export type Route = {
  readonly method: string;
  /** With `:name` where a part of it is given. */
  readonly path: string;
  /** Undefined: it does not say who is let in, which is a mistake. */
  readonly access: RouteAccess | undefined;
};

/** Every route, in the order in which they were mounted. */
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
