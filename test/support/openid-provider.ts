import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import Provider, { type Configuration, type JWK } from "oidc-provider";

export const OPENID_CLIENT = { id: "gh-runner", secret: "client-secret-0123456789abcdef0123456789" };

export type Account = { readonly sub: string } & Readonly<Record<string, unknown>>;

export type SignInIssuer = {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Where the browser is sent back to. */
  redirectUri: string;
  /** The account that signs in, without a login form. */
  account: Account;
  /** "no": the person declines. */
  says: "yes" | "no";
  /** Changes the claims of the ID tokens from now on. They are signed again. */
  claims: ((claims: Record<string, unknown>) => Record<string, unknown>) | undefined;
  /** From now on another key signs, and the old key is gone. */
  rotate(): void;
  /** Signs with a key that the issuer does not publish. */
  signsWithOther: boolean;
  /** Stops it: nothing answers any more. */
  stop(): Promise<void>;
  /** `METHOD /path` of each request so far. */
  readonly requests: string[];
};

/** A real OpenID Connect provider on loopback (oidc-provider from npm). It skips its login page and takes the test's account. */
export async function startSignInIssuer(t: TestContext, account: Account): Promise<SignInIssuer> {
  let [key, provider] = [newKey("one"), undefined as Provider | undefined];
  const server = createServer((incoming, outgoing) => void serve(incoming, outgoing));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const issuer: SignInIssuer = {
    url,
    redirectUri: "",
    account,
    says: "yes",
    claims: undefined,
    signsWithOther: false,
    rotate() {
      key = newKey("two");
      provider = undefined;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    requests: [],
  };
  t.after(() => (server.listening ? issuer.stop() : undefined));

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    issuer.requests.push(`${incoming.method} ${incoming.url?.split("?")[0]}`);
    provider ??= providerOf(issuer, key.jwk);
    if (incoming.url?.startsWith("/interaction")) {
      const result =
        issuer.says === "yes"
          ? { login: { accountId: issuer.account.sub } }
          : { error: "access_denied", error_description: "the person said no" };
      return provider.interactionFinished(incoming, outgoing, result);
    }
    if (incoming.url === "/token") changeTokens(outgoing, issuer, key);
    await provider.callback()(incoming, outgoing);
  }
  return issuer;
}

type Key = { readonly jwk: JWK; readonly privateKey: KeyObject };

function newKey(kid: string): Key {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { privateKey, jwk: { ...privateKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" } as JWK };
}

function providerOf(issuer: SignInIssuer, jwk: JWK): Provider {
  const configuration: Configuration = {
    clients: [
      {
        ...{ client_id: OPENID_CLIENT.id, client_secret: OPENID_CLIENT.secret },
        ...{ redirect_uris: [issuer.redirectUri], response_types: ["code"], grant_types: ["authorization_code"] },
      },
    ],
    jwks: { keys: [jwk] },
    pkce: { required: () => true },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["preferred_username", "groups"] },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => issuer.account }),
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    cookies: { keys: ["a key of a test"] },
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ clientId: OPENID_CLIENT.id, accountId: oidc.session?.accountId ?? "" });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
  };
  return new Provider(issuer.url, configuration);
}

/** Changes claims in an ID token on its way out. */
function changeTokens(outgoing: ServerResponse, issuer: SignInIssuer, key: Key): void {
  const end = outgoing.end.bind(outgoing) as (body: string) => ServerResponse;
  outgoing.end = ((body: string | Buffer) => {
    const tokens = JSON.parse(String(body)) as Record<string, unknown>;
    if (typeof tokens.id_token === "string" && (issuer.claims || issuer.signsWithOther)) {
      const claims = JSON.parse(Buffer.from(tokens.id_token.split(".")[1] ?? "", "base64url").toString());
      const { privateKey, jwk } = issuer.signsWithOther ? { ...newKey("one"), jwk: key.jwk } : key;
      tokens.id_token = signed(issuer.claims?.(claims) ?? claims, privateKey, String(jwk.kid));
    }
    const text = JSON.stringify(tokens);
    outgoing.setHeader("content-length", Buffer.byteLength(text));
    return end(text);
  }) as typeof outgoing.end;
}

function signed(claims: object, key: KeyObject, kid: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "RS256", typ: "JWT", kid })}.${part(claims)}`;
  return `${text}.${createSign("sha256").update(text).sign(key, "base64url")}`;
}

/** Follows redirects as a browser does, with its cookies, until the address begins with `end`. */
export async function walkTo(start: URL | string, end: string, jar = new Map<string, string>()): Promise<URL> {
  let url = new URL(start);
  for (let step = 0; step < 10; step++) {
    if (url.href.startsWith(end)) return url;
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, { redirect: "manual", headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [name = "", value = ""] = (line.split(";")[0] ?? "").split(/=(.*)/s);
      jar.set(name, value);
    }
    const location = answer.headers.get("location");
    if (location === null) throw new Error(`${url} answered ${answer.status}: ${(await answer.text()).slice(0, 500)}`);
    url = new URL(location, url);
  }
  throw new Error(`too many redirects, the last to ${url}`);
}
