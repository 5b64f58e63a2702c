import type { TestContext } from "node:test";
import type { OAuthApp } from "../../sandbox/oauth.ts";
import { type Account, OPENID_CLIENT, type SignInIssuer, startSignInIssuer } from "./openid-provider.ts";
import { fixedPort } from "./port.ts";
import { type HttpAnswer, type Service, send, startService } from "./service.ts";

export const ALICE: Account = {
  ...{ sub: "7", email: "alice@acme.com", email_verified: true, preferred_username: "alice" },
  groups: ["platform"],
};

type Options = NonNullable<Parameters<typeof startService>[1]>;

/** A service with sign-in by OpenID Connect, at a real provider. `url` is its address for browsers. */
export async function startWithIssuer(
  t: TestContext,
  { settings = {}, ...more }: Options & { readonly issuer?: SignInIssuer } = {},
): Promise<Service & { readonly issuer: SignInIssuer }> {
  const port = settings.PORT ?? String(await fixedPort());
  const url = settings.PUBLIC_URL ?? `http://127.0.0.1:${port}`;
  const issuer = more.issuer ?? (await startSignInIssuer(t, ALICE));
  if (issuer.redirectUri === "") issuer.redirectUri = `${url}/sign-in/oidc/callback`;
  const { id, secret } = OPENID_CLIENT;
  const service = await startService(t, {
    ...more,
    settings: {
      ...{ PORT: port, PUBLIC_URL: url, SIGN_IN_ROLES: "group:platform=operator" },
      ...{ OIDC_ISSUER: issuer.url, OIDC_CLIENT_ID: id, OIDC_CLIENT_SECRET: secret },
      ...settings,
    },
  });
  return { ...service, issuer };
}

/** The OAuth app at GitHub with which people sign in. */
export function gitHubApp(url: string): OAuthApp & { login: string | undefined } {
  return {
    ...{ clientId: "Iv1.0123", clientSecret: "github-client-secret-0123456789" },
    ...{ redirectUri: `${url}/sign-in/github/callback`, login: "octocat" },
  };
}

/** A browser without JavaScript: it keeps cookies by their paths, and follows redirects and refreshes. */
export function openClient() {
  const jar = new Map<string, { readonly value: string; readonly path: string; readonly host: string }>();

  async function ask(url: string | URL, init: { method?: string; body?: string } = {}): Promise<HttpAnswer> {
    const { origin, pathname, search, hostname } = new URL(url);
    const cookie = [...jar]
      .filter(([, { path, host }]) => host === hostname && pathname.startsWith(path))
      .map(([name, { value }]) => `${name}=${value}`)
      .join("; ");
    const { method = "GET", body = "" } = init;
    const headers = {
      ...{ cookie, accept: "text/html" },
      ...(method === "POST" && {
        ...{ "content-type": "application/x-www-form-urlencoded", "content-length": String(body.length), origin },
      }),
    };
    const answer = await send(origin, { method, path: pathname + search, headers, body });
    for (const line of [answer.headers["set-cookie"] ?? []].flat()) {
      const [pair = "", ...attributes] = line.split(/; ?/);
      const [name = "", value = ""] = pair.split(/=(.*)/s);
      const path = attributes.find((each) => /^path=/i.test(each))?.slice(5) ?? "/";
      if (attributes.some((each) => /^max-age=0$/i.test(each))) jar.delete(name);
      else jar.set(name, { value, path, host: hostname });
    }
    return answer;
  }

  return {
    jar,
    ask,
    /** Follows redirects and refreshing pages from an address, until one does neither, or an address begins with `until`. */
    async walk(start: string | URL, until?: string): Promise<{ readonly url: URL; readonly answer: HttpAnswer }> {
      let url = new URL(start);
      for (let step = 0; step < 12; step++) {
        if (until !== undefined && url.href.startsWith(until)) return { url, answer: undefined as never };
        const answer = await ask(url);
        const [, refresh] = /http-equiv="refresh" content="0;url=([^"]*)"/.exec(answer.text) ?? [];
        const location = answer.headers.location ?? refresh?.replaceAll("&amp;", "&");
        if (typeof location !== "string") return { url, answer };
        url = new URL(location, url);
      }
      throw new Error(`endless redirects, the last to ${url}`);
    },
    /** The session's secret. */
    secret: () => [...jar].find(([name]) => name.startsWith("gh-runner-session"))?.[1].value,
  };
}
