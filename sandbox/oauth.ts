import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { credentialBook } from "./credentials.ts";
import type { Reply } from "./routes/reply.ts";

/** An OAuth app, and the person who signs in with it. The page that asks that person is left out. */
export type OAuthApp = {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  /** Undefined: the person rejects. */
  login: string | undefined;
};

type Code = {
  readonly app: OAuthApp;
  readonly login: string;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly endsAt: number;
};

const CODE_LIFE_MS = 10 * 60_000;

/**
 * The web flow of OAuth apps, which is not part of the API.
 * @see https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
 */
export function oauthBook(now: () => number, credentials: ReturnType<typeof credentialBook>) {
  const apps = new Map<string, OAuthApp>();
  const codes = new Map<string, Code>();

  function authorize(query: URLSearchParams): Reply {
    const app = apps.get(query.get("client_id") ?? "");
    if (!app) return { status: 404, raw: Buffer.from("404") };
    const redirectUri = query.get("redirect_uri") ?? app.redirectUri;
    const back = new URL(app.redirectUri);
    back.searchParams.set("state", query.get("state") ?? "");
    if (!redirectUri.startsWith(app.redirectUri)) {
      back.searchParams.set("error", "redirect_uri_mismatch");
    } else if (app.login === undefined) {
      back.searchParams.set("error", "access_denied");
    } else {
      const code = randomBytes(10).toString("hex");
      const challenge = query.get("code_challenge") ?? "";
      codes.set(code, { app, login: app.login, redirectUri, challenge, endsAt: now() + CODE_LIFE_MS });
      back.searchParams.set("code", code);
    }
    return { status: 302, headers: { location: back.href } };
  }

  /** Errors are also answered with 200. */
  function exchange(form: URLSearchParams): Reply {
    const found = codes.get(form.get("code") ?? "");
    const fail = (error: string): Reply => ({ status: 200, json: { error } });
    const app = apps.get(form.get("client_id") ?? "");
    if (!app || !isSame(app.clientSecret, form.get("client_secret") ?? "")) return fail("incorrect_client_credentials");
    if (found?.app !== app || found.endsAt <= now()) return fail("bad_verification_code");
    if (found.redirectUri !== form.get("redirect_uri")) return fail("redirect_uri_mismatch");
    const verifier = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    if (found.challenge !== "" && found.challenge !== verifier) return fail("bad_verification_code");
    codes.delete(form.get("code") ?? "");
    const token = `gho_${randomBytes(18).toString("hex")}`;
    credentials.add(token, { login: found.login, scopes: ["read:org"] });
    return { status: 200, json: { access_token: token, token_type: "bearer", scope: "read:org" } };
  }

  return {
    add: (app: OAuthApp) => void apps.set(app.clientId, app),
    /** Undefined for any other path. */
    answer(method: string, path: string, query: string, body: string): Reply | undefined {
      if (`${method} ${path}` === "GET /login/oauth/authorize") return authorize(new URLSearchParams(query));
      if (`${method} ${path}` === "POST /login/oauth/access_token") return exchange(new URLSearchParams(body));
      return undefined;
    },
  };
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(a as Buffer, b as Buffer);
}
