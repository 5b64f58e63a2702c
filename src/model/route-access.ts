import type { Permission } from "./access.ts";

/** Who may use a route. */
export type RouteAccess =
  | {
      readonly permission: Permission;
      /** Also allows a caller, for the runs that they started. */
      readonly ownRuns?: true | undefined;
    }
  /** It needs no role. Says why: `the signature of GitHub`. */
  | { readonly open: string };

const ACCESS = Symbol("who may use a route");

type Marked = { [ACCESS]?: RouteAccess };

/** Marks a route's handler with who may use it. */
export function withAccess<Handler extends object>(access: RouteAccess, handler: Handler): Handler {
  (handler as Marked)[ACCESS] = access;
  return handler;
}

export function accessOf(handler: object): RouteAccess | undefined {
  return (handler as Marked)[ACCESS];
}
