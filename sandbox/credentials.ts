import { createPublicKey, randomBytes, verify } from "node:crypto";

type Level = "read" | "write";

type Name =
  | "actions"
  | "administration"
  | "checks"
  | "contents"
  | "deployments"
  | "issues"
  | "organization_hooks"
  | "pull_requests"
  | "repository_hooks"
  | "statuses";

type Permissions = { readonly [Each in Name]?: Level } & { readonly metadata?: "read" };

/** What a token may do. By default: every repository and every permission, without an end. */
export type TokenGrant = {
  /** The user of the token. "octocat" in /user by default. All tokens of one user share one set of limits. */
  readonly login?: string;
  readonly repositories?: readonly string[];
  readonly permissions?: Permissions;
  /** For a classic token (`ghp_…`). ["repo"] by default. */
  readonly scopes?: readonly string[];
  /** Epoch milliseconds. */
  readonly expiresAt?: number;
  /** Id of the token's GitHub App: an App may write checks. */
  readonly app?: number;
  /** URL at which the token would have to be authorised for single sign-on. */
  readonly sso?: string;
};

type Installation = {
  readonly id: number;
  /** The organisation or user that has installed the App. */
  readonly owner: string;
  /** The App's permissions. By default contents write and metadata read. */
  readonly permissions?: Permissions;
  suspended?: boolean;
};

/** A grant in the book. A token of an installation ends with its installation. */
type KnownGrant = TokenGrant & { readonly installation?: Installation };

export type GitHubApp = {
  readonly id: number;
  /** Its other name, which a JWT may contain instead: `Iv1.0123456789abcdef`. */
  readonly clientId?: string;
  /** "gh-runner" by default. It writes as `gh-runner[bot]`. */
  readonly slug?: string;
  /** PEM of the public half of the App's key. Without it, any key is accepted. */
  readonly publicKey?: string;
  readonly installations: readonly Installation[];
  /** It is installed everywhere and has all permissions there. */
  readonly isEverywhere?: true;
};

/** The id of the first installation that is created. */
const FIRST_INSTALLATION = 1000;

/** GitHub Actions itself is an App. */
const ACTIONS_APP = 15_368;

/** The default name of Apps here. */
export const APP_SLUG = "gh-runner";

const TOKEN_LIFE_MS = 3_600_000;
const MAX_JWT_LIFE_S = 600;

/** The tokens and Apps that the stand-in knows. */
export function credentialBook(now: () => number) {
  const grants = new Map<string, KnownGrant>();
  const apps: GitHubApp[] = [];
  return {
    add: (token: string, grant: TokenGrant = {}) => void grants.set(token, grant),
    revoke: (token: string) => void grants.delete(token),
    addApp: (app: GitHubApp) => void apps.push(app),
    /** The installation of an App at an owner. */
    installationOf(app: GitHubApp, owner: string): Installation | undefined {
      const at = owner.toLowerCase();
      const found = app.installations.find((each) => each.owner.toLowerCase() === at);
      if (found || !app.isEverywhere) return found;
      const others = apps.flatMap(({ installations }) => installations);
      const made = { id: Math.max(FIRST_INSTALLATION, ...others.map(({ id }) => id + 1)), owner };
      apps.splice(apps.indexOf(app), 1, { ...app, installations: [...app.installations, made] });
      return made;
    },
    isKnownApp: (issuer: string): boolean => apps.some((app) => isIssuer(app, issuer)),
    /** The installations of all Apps at an owner. Undefined if there is no App at all. */
    installationsAt: (owner: string): readonly Installation[] | undefined =>
      apps.length === 0
        ? undefined
        : apps.flatMap((app) => app.installations.filter((each) => each.owner.toLowerCase() === owner.toLowerCase())),
    /** The grant of a known token that has not expired. */
    grantOf(token: string): KnownGrant | undefined {
      const grant = grants.get(token);
      return grant && (grant.expiresAt ?? Number.POSITIVE_INFINITY) > now() ? grant : undefined;
    },
    /** What every answer of GitHub says about the token of the request. */
    headersOf(token: string): Record<string, string> {
      const grant = grants.get(token);
      const { expiresAt, scopes = ["repo"] } = grant ?? {};
      if (!grant || grant.installation) return {};
      return {
        ...(isClassic(token) ? { "x-oauth-scopes": scopes.join(", ") } : {}),
        ...(expiresAt === undefined ? {} : { "github-authentication-token-expiration": inUtc(expiresAt) }),
      };
    },
    /** The account whose limits a token's requests count against: its user, its installation, or the token itself. */
    accountOf(token: string): string {
      const grant = grants.get(token);
      return grant?.installation ? `installation ${grant.installation.id}` : (grant?.login ?? token);
    },
    /** Id of the App that may write checks with a token. The App of Actions for unknown `ghs_…` tokens. */
    checksAppOf(token: string): number | undefined {
      const grant = grants.get(token);
      const installed = apps.find(({ installations }) => installations.some((each) => each === grant?.installation));
      return grant?.app ?? installed?.id ?? (token.startsWith("ghs_") ? ACTIONS_APP : undefined);
    },
    /** The App whose key has signed this JWT, if the JWT is valid by GitHub's rules (RS256, up to 10 minutes). */
    appOf(jwt: string): GitHubApp | undefined {
      const [header = "", payload = "", signature = ""] = jwt.split(".");
      const claims = decode(payload);
      const app = apps.find((each) => isIssuer(each, String(claims?.iss)));
      if (!app || decode(header)?.alg !== "RS256") return undefined;
      const seconds = now() / 1000;
      const { iat, exp } = claims as { iat: number; exp: number };
      if (!(iat <= seconds && exp > seconds && exp - seconds <= MAX_JWT_LIFE_S)) return undefined;
      if (app.publicKey === undefined) return app;
      const signed = Buffer.from(`${header}.${payload}`);
      const holds = verify("sha256", signed, createPublicKey(app.publicKey), Buffer.from(signature, "base64url"));
      return holds ? app : undefined;
    },
    /** A new token of an installation with the requested restrictions, and its end in epoch milliseconds. */
    issue(installation: Installation, narrowed: Pick<TokenGrant, "repositories" | "permissions">) {
      const { owner } = installation;
      const { slug = APP_SLUG, isEverywhere } =
        apps.find(({ installations }) => installations.includes(installation)) ?? {};
      const token = `ghs_${randomBytes(24).toString("hex")}`;
      const expiresAt = now() + TOKEN_LIFE_MS;
      const permissions =
        isEverywhere && !narrowed.permissions ? undefined : (narrowed.permissions ?? grantedTo(installation));
      grants.set(token, {
        login: `${slug}[bot]`,
        repositories: narrowed.repositories?.map((name) => `${owner}/${name}`) ?? [`${owner}/*`],
        ...(permissions && { permissions: { metadata: "read", ...permissions } }),
        expiresAt,
        installation,
      });
      return { token, permissions: { metadata: "read", ...(permissions ?? grantedTo(installation)) }, expiresAt };
    },
  };
}

/** The permissions of an installation, which are the maximum for its tokens. */
export function grantedTo({ permissions = { contents: "write", metadata: "read" } }: Installation): Permissions {
  return permissions;
}

/** A classic personal access token, by the form that GitHub gives it. */
export function isClassic(token: string): boolean {
  return token.startsWith("ghp_");
}

/**
 * Whether a grant reaches a repository, under any name that the repository has had. `owner/*` reaches all repositories
 * of an owner.
 */
export function reaches(
  grant: TokenGrant,
  { names, isPrivate }: { readonly names: readonly string[]; readonly isPrivate: boolean },
): boolean {
  if (isPrivate && grant.scopes && !grant.scopes.includes("repo")) return false;
  const wanted = names.flatMap((name) => [name, `${name.split("/")[0]}/*`]).map((name) => name.toLowerCase());
  return grant.repositories?.some((each) => wanted.includes(each.toLowerCase())) ?? true;
}

/** The issuer that a JWT names. Undefined for any other text. */
export function issuerOf(token: string): string | undefined {
  const [, payload = ""] = token.split(".");
  const issuer = decode(payload)?.iss;
  return issuer === undefined ? undefined : String(issuer);
}

const isIssuer = ({ id, clientId }: GitHubApp, issuer: string) => [String(id), clientId].includes(issuer);

function decode(part: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString());
  } catch {
    return undefined;
  }
}

/** `2026-12-24 10:00:00 UTC` */
function inUtc(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/T(.*)\.\d+Z/, " $1 UTC");
}
