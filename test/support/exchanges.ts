/** A request of the stand-in, and the status that it has to answer. */
export type Case = {
  route: string;
  status: number;
  what: string;
  path: string;
  token?: string;
  /** Sent as JSON; a text as it is. */
  body?: unknown;
  accept?: string;
  headers?: Record<string, string>;
};

export const at = (route: string, cases: Omit<Case, "route">[]): Case[] => cases.map((each) => ({ route, ...each }));

/** Cases below acme/shop, and those that every route has in common; the first of them gives a body that is right. */
export function ofWorkflow(
  route: string,
  path: string,
  cases: (Omit<Case, "route" | "path"> & { path?: string })[],
): Case[] {
  const body = cases[0]?.body;
  const common = (repository: string) => ({ path: `/repos/acme/${repository}/${path}`, ...(body ? { body } : {}) });
  return at(route, [
    ...cases.map((each) => ({ ...each, path: `/repos/acme/shop/${each.path ?? path}` })),
    { status: 401, what: "a wrong token", token: "wrong", ...common("shop") },
    { status: 403, what: "a missing permission", token: "metadata", ...common("shop") },
    { status: 404, what: "no such repository", ...common("none") },
  ]);
}
