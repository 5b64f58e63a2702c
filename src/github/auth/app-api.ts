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
  /** The name by which workflows know it, see `appVariables`; the service's App has none. */
  readonly name?: string | undefined;
  /** RSA, PEM; as it is now. */
  readonly privateKey: () => string;
  /** Looks whether the key was replaced. */
  readonly refresh?: (() => Promise<void>) | undefined;
  readonly apiUrl: string;
  /** With a token, for requests that count against the limits of an account. */
  readonly askAs: (token: string, account: string) => Ask;
  /** Hides a token from all that is logged, until the returned function is called. */
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

/** Statuses that mean something else to an App than to a token; the others are left to `ask`. */
const REJECTED = [401, 403, 404, 422];

/** What an App asks GitHub as itself, signed with its key, before it can ask anything as an installation. */
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
   * Every answer tells GitHub's time, so a JWT that was rejected because of a wrong clock is right the second time. The key may
   * have been replaced, too.
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
    // The answer to a repository that has moved is its new owner's.
    const login = typeof account?.login === "string" ? account.login : parameters.owner;
    if (login.toLowerCase() !== parameters.owner.toLowerCase()) {
      throw new PermanentFailure({
        tried: attempted.tried,
        happened: `the repository belongs to ${login} now`,
        remedy: `Use the present name of ${repository} in the settings.`,
      });
    }
    return { id, permissions };
  }

  return {
    /** Asks as the App itself; the answer may be one of `REJECTED`. */
    ask: askAsApp,

    findInstallation: async (need: Need) => (await findInstallation(need)).id,

    /** A new token for one repository, and for what is needed there; undefined when there is no such installation. */
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

/** Without any, a token may do all that the installation may: no permissions at all are those that it has in any case. */
function asked({ permission, permissions }: Need): { permissions?: Readonly<Record<string, string>> } {
  if (permission) return { permissions: asParameter(permission) };
  return permissions ? { permissions: { metadata: "read", ...permissions } } : {};
}

/** "Pull requests: write" as GitHub's API spells it: `{ pull_requests: "write" }`. Several have commas in between. */
export function asParameter(permission: string): Record<string, string> {
  const each = permission.toLowerCase().split(", ");
  return Object.fromEntries(
    each.map((one) => {
      const [name = "", level = ""] = one.split(": ");
      return [SPELLED[name] ?? name.replaceAll(" ", "_"), level];
    }),
  );
}

/** Permissions whose name in GitHub's settings is another one in its API. */
const SPELLED: Readonly<Record<string, string>> = {
  "commit statuses": "statuses",
  webhooks: "repository_hooks",
  "organization webhooks": "organization_hooks",
};

/** GitHub takes no JWT from its future, and clocks differ a little. */
const BACKDATED_S = 60;

/** GitHub's longest. */
const LIFE_S = 600;

/**
 * What an App proves itself with.
 * @param now epoch milliseconds by GitHub's clock.
 * @see https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
 */
function appJwt(appId: string, privateKey: string, now: number): string {
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const iat = Math.floor(now / 1000) - BACKDATED_S;
  const signed = `${encoded({ alg: "RS256", typ: "JWT" })}.${encoded({ iss: appId, iat, exp: iat + LIFE_S })}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), privateKey).toString("base64url")}`;
}
