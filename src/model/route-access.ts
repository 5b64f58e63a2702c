import type { Permission } from "./access.ts";

/** Who is let in at a route. */
export type RouteAccess =
  | {
      readonly permission: Permission;
      /** Also a caller, to what it has started. */
      readonly ownRuns?: true | undefined;
    }
  /** It asks for no role. Why, in words: `the signature of GitHub`. */
  | { readonly open: string };

const ACCESS = Symbol("who is let in");

type Marked = { [ACCESS]?: RouteAccess };

/** Marks what handles a route with who is let in. */
export function withAccess<Handler extends object>(access: RouteAccess, handler: Handler): Handler {
  (handler as Marked)[ACCESS] = access;
  return handler;
}

export function accessOf(handler: object): RouteAccess | undefined {
  return (handler as Marked)[ACCESS];
}
