import type { IncomingMessage } from "node:http";
import { fetchJsonBy } from "../access/fetch-json.ts";
import type { Way } from "../access/identify.ts";
import { oidcTokens } from "../access/oidc.ts";
import { clientAddress, proxyHeader, trustedProxies } from "../access/proxies.ts";
import { grantsOfPerson } from "../access/sign-in-roles.ts";
import { proxyUrlFor } from "../github/proxy.ts";
import type { RequestEnvironment } from "../http/authorize.ts";
import type { repeatedRecords } from "../observe/repeated-records.ts";
import type { Config } from "./config/config.ts";
import type { Ground } from "./ground.ts";

/** The ways to identify callers apart from tokens and sessions. */
export type FurtherWays = { readonly oidc: readonly Way[]; readonly proxy: readonly Way[] };

/** Creates them from the settings. The keys of issuers stay cached while the settings name the same issuers. */
export function furtherWays(
  { live, clock }: Pick<Ground, "live" | "clock">,
  repeated: Pick<ReturnType<typeof repeatedRecords>, "note">,
): (config: Pick<Config, "auth" | "signIn">) => FurtherWays {
  const fetchJson = fetchJsonBy((url) => proxyUrlFor(url, live.now().github));
  const failed = (issuer: string, error: Error) => {
    const facts = { address: issuer, err: error };
    repeated.note("warn", "the keys of an OIDC issuer cannot be read", facts, "");
  };
  let oidc = { text: "[]", ways: [] as readonly Way[] };
  return ({ auth, signIn }) => {
    const text = JSON.stringify(auth.oidc);
    if (text !== oidc.text) oidc = { text, ways: [oidcTokens(auth.oidc, { clock, fetchJson, failed })] };
    return { oidc: auth.oidc.length > 0 ? oidc.ways : [], proxy: proxyWays(auth, signIn) };
  };
}

function proxyWays(auth: Config["auth"], { roles }: Config["signIn"]): readonly Way[] {
  const { trustedProxies: ranges = "", proxyUserHeader: user, proxyGroupsHeader: groups } = auth;
  if (user === undefined) return [];
  return [proxyHeader({ user, groups }, trustedProxies(ranges), (person) => grantsOfPerson(roles, person))];
}

/** Adds the client's address to each request, if there are trusted proxies. */
export function withClient<Answer>(
  fetch: (request: Request, env: RequestEnvironment) => Answer,
  ranges: string | undefined,
): (request: Request, env: RequestEnvironment) => Answer {
  if (ranges === undefined) return fetch;
  const proxies = trustedProxies(ranges);
  const clientOf = ({ socket, headers }: IncomingMessage) =>
    clientAddress({ peer: socket.remoteAddress ?? "", header: (name) => headers[name] as string | undefined }, proxies);
  return (request, env) => {
    if (env.incoming) env.client = clientOf(env.incoming);
    return fetch(request, env);
  };
}
