import { createHash } from "node:crypto";
import { type Fetch, networkFault } from "../model/network.ts";
import type { Json } from "../model/run.ts";
import { SignInFailed } from "../model/sign-in.ts";
import { credentialOf, type SignInMethod } from "./sign-in-method.ts";

export type GitHubSignInSettings = {
  /** Address of GitHub's pages: `https://github.com`. */
  readonly webUrl: string;
  /** Address of its API: `https://api.github.com`. */
  readonly apiUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /**
   * The organisations and teams in the settings, such as `acme` and `acme/platform`. gh-runner asks about no others.
   */
  readonly memberships: readonly string[];
};

/** A person waits for the page. */
const TIMEOUT_MS = 10_000;

/**
 * Signs in with GitHub: the web flow of an OAuth app or a GitHub App, with PKCE. The person's token is used only to ask
 * for their name and their membership in the organisations and teams of the settings. Then it is forgotten.
 * @see https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
 */
export function gitHubSignIn(
  settings: GitHubSignInSettings,
  { fetch, userAgent }: { fetch: Fetch; userAgent: string },
): SignInMethod {
  const { webUrl, apiUrl, clientId, clientSecret, memberships } = settings;

  async function ask(url: string, init: RequestInit, headers: Record<string, string> = {}): Promise<Answer> {
    try {
      const all = { accept: "application/json", "user-agent": userAgent, ...headers };
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const response = await fetch(url, { ...init, headers: all, redirect: "manual", signal });
      const json = (await response.json().catch(() => null)) as Json;
      return { status: response.status, json: json instanceof Object ? (json as Answer["json"]) : {} };
    } catch (cause) {
      const words = networkFault(cause)?.words ?? (cause as Error).message;
      throw new SignInFailed("unavailable", `GitHub cannot be reached: ${words}`, { cause });
    }
  }

  async function tokenFor(code: string, redirectUri: string, verifier: string): Promise<string> {
    const body = new URLSearchParams({
      ...{ client_id: clientId, client_secret: clientSecret, code },
      ...{ redirect_uri: redirectUri, code_verifier: verifier },
    });
    const { status, json } = await ask(`${webUrl}/login/oauth/access_token`, { method: "POST", body });
    if (typeof json.access_token === "string") return json.access_token;
    if (status >= 500) throw unavailable(status);
    // GitHub answers 200 here:
    // https://docs.github.com/en/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors
    throw new SignInFailed("invalid", `GitHub rejected the code: ${json.error ?? status}`);
  }

  return {
    name: "github",
    title: "GitHub",
    via: "github_sign_in",
    credential: credentialOf("github", webUrl, clientId),
    async begin({ redirectUri, state, verifier }) {
      const url = new URL(`${webUrl}/login/oauth/authorize`);
      url.search = new URLSearchParams({
        ...{ client_id: clientId, redirect_uri: redirectUri, state },
        // A GitHub App ignores scopes, because it has permissions.
        ...(memberships.length > 0 ? { scope: "read:org" } : {}),
        code_challenge: createHash("sha256").update(verifier).digest("base64url"),
        code_challenge_method: "S256",
      }).toString();
      return url;
    },
    async finish(answer, { redirectUri, state, verifier }) {
      if (answer.get("state") !== state)
        throw new SignInFailed("invalid", "GitHub's answer belongs to another sign-in: its state differs");
      const denied = answer.get("error");
      if (denied !== null) throw new SignInFailed("denied", `GitHub answered ${errorCode(denied)}`);
      const token = await tokenFor(answer.get("code") ?? "", redirectUri, verifier);
      const get = (path: string) => ask(apiUrl + path, {}, { authorization: `Bearer ${token}` });

      const user = await get("/user");
      const { login } = user.json;
      if (user.status !== 200 || typeof login !== "string")
        throw user.status >= 500
          ? unavailable(user.status)
          : new SignInFailed("invalid", `GitHub answered ${user.status} for the user`);
      const asked = await Promise.all(
        memberships.map(async (name) => ({ name, ...(await membership(get, name, login)) })),
      );
      return {
        person: {
          ...{ from: "github", name: login },
          memberships: asked.flatMap(({ name, isMember }) => (isMember ? [name] : [])),
        },
        doubts: asked.flatMap(({ doubt = [] }) => doubt),
      };
    },
  };
}

/** Anyone can call the callback address, so only a text that looks like an error code is repeated. */
function errorCode(text: string): string {
  return /^[\w.-]{1,60}$/.test(text) ? text : "an error";
}

type Answer = { readonly status: number; readonly json: Readonly<Record<string, Json>> };

/** Members of a child team are also members of its parent. A pending invitation does not count. */
async function membership(
  get: (path: string) => Promise<Answer>,
  name: string,
  login: string,
): Promise<{ isMember: boolean; doubt?: string }> {
  const [organization = "", team] = name.split("/");
  const { status, json } = await get(
    team === undefined
      ? `/orgs/${organization}/members/${login}`
      : `/orgs/${organization}/teams/${team}/memberships/${login}`,
  );
  if (status === 204) return { isMember: true };
  if (status === 200) return { isMember: json.state === "active" };
  if (status >= 500 || status === 429) throw unavailable(status);
  // 302: the person is no member of the organisation. GitHub shows them only its public members.
  if (status === 404 || status === 302) return { isMember: false };
  // The organisation has not approved the app, or requires single sign-on first. GitHub's message says which.
  const why = typeof json.message === "string" ? `: ${json.message}` : "";
  return { isMember: false, doubt: `GitHub answered ${status} for the membership in ${name}${why}` };
}

const unavailable = (status: number) => new SignInFailed("unavailable", `GitHub answered ${status}`);
