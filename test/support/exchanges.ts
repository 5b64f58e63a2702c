/** A request for the stand-in, and the status that it must answer. */
export type Case = {
  route: string;
  status: number;
  what: string;
  path: string;
  token?: string;
  /** Sent as JSON; a string is sent unchanged. */
  body?: unknown;
  accept?: string;
  headers?: Record<string, string>;
};

export const at = (route: string, cases: Omit<Case, "route">[]): Case[] => cases.map((each) => ({ route, ...each }));

/** Cases below acme/shop, plus those that every route has in common. The first case must have a valid body. */
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
