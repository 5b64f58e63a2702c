import { sign } from "node:crypto";
import { PermanentFailure } from "../../model/failure.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { lackingIn } from "../../model/permissions.ts";
import { jsonOf } from "../answer.ts";
import type { Ask } from "../ask.ts";
import { type Attempted, notUnderstood } from "../failures.ts";
import { appFailureOf, isUnknownApp, notGranted } from "./app-failures.ts";
import { appAccount, installationAccount, type Need } from "./credentials.ts";

/** A GitHub App, and how it asks GitHub. */
export type App = {
  /** The App ID or the client ID. */
  readonly id: string;
  /** The name that workflows use for it, see `appVariables`. The service's App has none. */
  readonly name?: string | undefined;
  /** The current RSA key in PEM format. */
  readonly privateKey: () => string;
  /** Checks whether the key was replaced. */
  readonly refresh?: (() => Promise<void>) | undefined;
  readonly apiUrl: string;
  /** Asks with a token. The requests count against the limits of the account. */
  readonly askAs: (token: string, account: string) => Ask;
  /** Hides a token from all logs, until the returned function is called. */
  readonly hide: (secret: string) => () => void;
  /** Epoch milliseconds by GitHub's clock. */
  readonly now: () => number;
};

export type InstallationToken = {
  readonly token: string;
  readonly account: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
};

type Installation = { readonly id: number; readonly permissions: Readonly<Record<string, string>> };

/** Statuses that mean something special to an App. `ask` handles all others. */
const REJECTED = [401, 403, 404, 422];

/** What an App asks GitHub as itself, signed with its key, before it can ask as an installation. */
export function appApi({ id, name, privateKey, refresh, apiUrl, askAs, hide, now }: App) {
  const context = { apiUrl, app: name };
  const askOnce = async (attempted: Attempted, route: string, parameters: Readonly<Record<string, unknown>>) => {
    const jwt = appJwt(id, privateKey(), now());
    const show = hide(jwt);
    try {
      return await askAs(jwt, appAccount(id))(attempted, route, parameters, [200, 201, ...REJECTED]);
    } finally {
      show();
    }
  };

  /**
   * Every answer contains GitHub's time. So a JWT that GitHub rejected because of a wrong clock is right on the second
   * try. The key may also have been replaced.
   */
  const askAsApp: typeof askOnce = async (...request) => {
    const answer = await askOnce(...request);
    if (answer.status !== 401) return answer;
    await refresh?.();
    return askOnce(...request);
  };

  /** The installation that reaches this repository. */
  async function findInstallation({ repository, permission }: Need): Promise<Installation> {
    const attempted = { tried: `finding the GitHub App's installation for ${repository}`, repository, permission };
    const parameters = ownerAndName(repository);
    const answer = await askAsApp(attempted, "GET /repos/{owner}/{repo}/installation", parameters);
    if (answer.status !== 200) throw appFailureOf(attempted, answer, context);
    const {
      id,
      account,
      permissions = {},
    } = jsonOf(answer) as Partial<Installation> & { account?: { login?: unknown } };
    if (typeof id !== "number") throw notUnderstood(attempted);
    // If a repository was transferred, the answer names its new owner.
    const login = typeof account?.login === "string" ? account.login : parameters.owner;
    if (login.toLowerCase() !== parameters.owner.toLowerCase()) {
      throw new PermanentFailure({
        tried: attempted.tried,
        happened: `the repository belongs to ${login} now`,
        remedy: `Use the current name of ${repository} in the settings.`,
      });
    }
    return { id, permissions };
  }

  return {
    /** Asks as the App itself. The answer may have one of the statuses in `REJECTED`. */
    ask: askAsApp,

    findInstallation: async (need: Need) => (await findInstallation(need)).id,

    /** A new token for one repository and one need. Undefined if there is no such installation. */
    async issueToken(installation: number, need: Need): Promise<InstallationToken | undefined> {
      const { repository, permission } = need;
      const account = installationAccount(installation);
      const tried = `getting a token of the GitHub App's ${account} for ${repository}`;
      const attempted = { tried, repository, permission };
      const answer = await askAsApp(attempted, "POST /app/installations/{installation_id}/access_tokens", {
        installation_id: installation,
        repositories: [ownerAndName(repository).repo],
        ...asked(need),
      });
      if (answer.status === 404 && !isUnknownApp(answer)) return undefined;
      if (answer.status === 422 && !permission && need.permissions && /permission/i.test(answer.message)) {
        const { permissions } = await findInstallation(need);
        throw notGranted(attempted, answer, lackingIn(permissions, need.permissions));
      }
      if (answer.status !== 201) throw appFailureOf(attempted, answer, context);
      const { token, expires_at } = jsonOf(answer) as { token?: unknown; expires_at?: unknown };
      const expiresAt = Date.parse(String(expires_at));
      if (typeof token !== "string" || Number.isNaN(expiresAt)) throw notUnderstood(attempted);
      return { token, account, expiresAt };
    },
  };
}

/**
 * A request without permissions gets a token with all permissions of the installation. So an empty list asks for
 * `metadata: read`, which every token has.
 */
function asked({ permission, permissions }: Need): { permissions?: Readonly<Record<string, string>> } {
  if (permission) return { permissions: asParameter(permission) };
  return permissions ? { permissions: { metadata: "read", ...permissions } } : {};
}

/** "Pull requests: write" as GitHub's API spells it: `{ pull_requests: "write" }`. Several are separated by commas. */
export function asParameter(permission: string): Record<string, string> {
  const each = permission.toLowerCase().split(", ");
  return Object.fromEntries(
    each.map((one) => {
      const [name = "", level = ""] = one.split(": ");
      return [SPELLED[name] ?? name.replaceAll(" ", "_"), level];
    }),
  );
}

/** Permissions that have different names in GitHub's settings and in its API. */
const SPELLED: Readonly<Record<string, string>> = {
  "commit statuses": "statuses",
  webhooks: "repository_hooks",
  "organization webhooks": "organization_hooks",
};

/** GitHub rejects a JWT from the future, and clocks differ a little. */
const BACKDATED_S = 60;

/** GitHub's maximum. */
const LIFE_S = 600;

/**
 * Proves to GitHub that the request comes from the App.
 * @param now epoch milliseconds by GitHub's clock.
 * @see https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
 */
function appJwt(appId: string, privateKey: string, now: number): string {
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const iat = Math.floor(now / 1000) - BACKDATED_S;
  const signed = `${encoded({ alg: "RS256", typ: "JWT" })}.${encoded({ iss: appId, iat, exp: iat + LIFE_S })}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), privateKey).toString("base64url")}`;
}
