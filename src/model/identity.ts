import type { Permissions } from "./permissions.ts";

/**
 * As whom a workflow asks GitHub, besides its `github`. `githubApp: "BOT"` names the variables BOT_ID and BOT_PRIVATE_KEY of a
 * GitHub App, `githubToken: "BOT_TOKEN"` the variable of a token.
 */
export type Identity = { readonly permissions?: Permissions } & (
  | { readonly githubApp: string; readonly githubToken?: never }
  | { readonly githubToken: string; readonly githubApp?: never }
);

/** The service's credentials: GITHUB_TOKEN, or its GitHub App. */
export const SERVICE = "service";

/** Whether a workflow brings its credentials, so that it needs none of the service. */
export const hasCredentials = ({ githubApp, githubToken }: { githubApp?: string; githubToken?: string }) =>
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
