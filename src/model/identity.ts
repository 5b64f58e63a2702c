import type { Permissions } from "./permissions.ts";

/**
 * Another identity that a workflow asks GitHub as. `githubApp: "BOT"` names the variables BOT_ID and BOT_PRIVATE_KEY of a
 * GitHub App, `githubToken: "BOT_TOKEN"` the variable of a token.
 */
export type Identity = { readonly permissions?: Permissions } & (
  | { readonly githubApp: string; readonly githubToken?: never }
  | { readonly githubToken: string; readonly githubApp?: never }
);

/** The options of a workflow that say as whom it asks GitHub. */
export type CredentialOptions<IdentityName extends string> = {
  /** Name of the environment variable with the GitHub token that this workflow uses instead of the service's own. */
  readonly githubToken?: string;
  /**
   * The same for a GitHub App: `"BOT"` names the variables `BOT_ID` and `BOT_PRIVATE_KEY`, each of which may be given as a
   * file, `BOT_PRIVATE_KEY_FILE`.
   */
  readonly githubApp?: string;
  /**
   * Others that this workflow asks GitHub as: `{ bot: { githubApp: "BOT" }, reader: { githubToken: "READER_TOKEN" } }` gives
   * `github.as("bot")` and `github.as("reader")`. `service` is always there: the service's own credentials.
   */
  readonly identities?: {
    readonly [Name in IdentityName]: Name extends typeof SERVICE ? never : Identity;
  };
  /**
   * What the tokens of a GitHub App may do in this workflow, in the names of GitHub's API:
   * `{ issues: "write", pull_requests: "read" }`. What is not named is not permitted. An identity that has `permissions` has
   * those instead. Other tokens cannot be narrowed; `gh-runner doctor` compares what they have.
   */
  readonly permissions?: Permissions;
};

/** The service's credentials: GITHUB_TOKEN, or its GitHub App. */
export const SERVICE = "service";

/** Whether a workflow brings its credentials, so that it needs none of the service. */
export const hasCredentials = ({ githubApp, githubToken }: Pick<Credentials, "githubApp" | "githubToken">) =>
  githubApp !== undefined || githubToken !== undefined;

/** How its App would be named, going by its settings GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY. */
export const SERVICE_APP = "GITHUB_APP";

/** The GitHub App that the variables of a name say. */
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
 * As whom a workflow asks GitHub, and what its tokens may do, a line for each: `App RELEASE_APP (contents: write)`,
 * `bot: token BOT_TOKEN`. Names of variables, no values. Empty: it has the service's credentials, and all that they may.
 */
export function credentialLines({ identities = {}, ...own }: Credentials): readonly string[] {
  const { permissions, ...named } = own;
  return [
    ...(hasCredentials(named) || permissions ? [credentialLine(own)] : []),
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
