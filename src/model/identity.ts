import type { Permissions } from "./permissions.ts";

/**
 * Another identity that a workflow uses at GitHub. `githubApp: "BOT"` names the variables BOT_ID and BOT_PRIVATE_KEY of
 * a GitHub App. `githubToken: "BOT_TOKEN"` names the variable of a token.
 */
export type Identity = { readonly permissions?: Permissions } & (
  | { readonly githubApp: string; readonly githubToken?: never }
  | { readonly githubToken: string; readonly githubApp?: never }
);

/** The options for a workflow's credentials at GitHub. */
export type CredentialOptions<IdentityName extends string> = {
  /**
   * The name of the environment variable with the GitHub token that this workflow uses instead of the service's token.
   */
  readonly githubToken?: string;
  /**
   * The same for a GitHub App: `"BOT"` names the variables `BOT_ID` and `BOT_PRIVATE_KEY`. Each may be given as a file,
   * such as `BOT_PRIVATE_KEY_FILE`.
   */
  readonly githubApp?: string;
  /**
   * Further identities of this workflow at GitHub: `{ bot: { githubApp: "BOT" }, reader: { githubToken: "READER_TOKEN"
   * } }` adds `github.as("bot")` and `github.as("reader")`. `service` always exists: the service's credentials.
   */
  readonly identities?: {
    readonly [Name in IdentityName]: Name extends typeof SERVICE ? never : Identity;
  };
  /**
   * The permissions of GitHub App tokens in this workflow, with the names of GitHub's API: `{ issues: "write",
   * pull_requests: "read" }`. Anything else is not permitted. An identity with `permissions` uses those instead. Other
   * tokens cannot be restricted; `gh-runner doctor` compares their permissions.
   */
  readonly permissions?: Permissions;
};

/** The service's credentials: GITHUB_TOKEN, or its GitHub App. */
export const SERVICE = "service";

/** Whether a workflow has credentials, so that it does not need the service's. */
export const hasCredentials = ({ githubApp, githubToken }: Pick<Credentials, "githubApp" | "githubToken">) =>
  githubApp !== undefined || githubToken !== undefined;

/** The name of the service's App, from its settings GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY. */
export const SERVICE_APP = "GITHUB_APP";

/** The GitHub App from the variables of a name. */
export type AppKey = {
  readonly name: string;
  /** The App ID or the client ID. */
  readonly id: string;
  /** RSA, PEM. */
  readonly privateKey: string;
};

/** The variables of the GitHub App that a workflow names. */
export const appVariables = (name: string) => ({ id: `${name}_ID`, privateKey: `${name}_PRIVATE_KEY` }) as const;

type Credentials = {
  readonly githubApp?: string | undefined;
  readonly githubToken?: string | undefined;
  readonly permissions?: Permissions | undefined;
  readonly identities?: Readonly<Record<string, Identity>> | undefined;
};

/**
 * A workflow's credentials at GitHub, and the permissions of its tokens, one line each: `App RELEASE_APP (contents:
 * write)`, `bot: token BOT_TOKEN`. Names of variables, without values. Empty: it uses the service's credentials,
 * without restriction.
 */
export function credentialLines({ identities = {}, ...main }: Credentials): readonly string[] {
  const { permissions, ...named } = main;
  return [
    ...(hasCredentials(named) || permissions ? [credentialLine(main)] : []),
    ...Object.entries(identities).map(([name, identity]) => `${name}: ${credentialLine(identity)}`),
  ];
}

function credentialLine({ permissions, ...named }: Credentials): string {
  const who = credentialName(named);
  if (permissions === undefined) return who;
  return `${who} (${permissionsInWords(Object.keys(permissions).length > 0 ? permissions : { metadata: "read" })})`;
}

/** `App RELEASE_APP`, `token BOT_TOKEN`, or the service. */
export function credentialName({ githubApp, githubToken }: Pick<Credentials, "githubApp" | "githubToken">): string {
  if (githubApp !== undefined) return `App ${githubApp}`;
  return githubToken === undefined ? "the service" : `token ${githubToken}`;
}

/** `contents: write, issues: read` */
export function permissionsInWords(permissions: Readonly<Record<string, string>>): string {
  return Object.entries(permissions)
    .map(([name, level]) => `${name}: ${level}`)
    .join(", ");
}
