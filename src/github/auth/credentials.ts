import { createHash } from "node:crypto";
import type { Permissions } from "../../model/permissions.ts";

/** A token, and the account whose limits its requests count against. */
export type Credential = {
  readonly token: string;
  /**
   * The name by which GitHub counts limits, such as `installation 42`. It never contains a token: it is stored and
   * shown.
   */
  readonly account: string;
  /** The variable of the token or of the App's key, if a workflow names one. */
  readonly variable?: string | undefined;
  /** What the workflow allows a token of an App to do. */
  readonly permissions?: Permissions | undefined;
  /** Gets another token after GitHub has rejected this one (401). Absent or undefined if there is no other. */
  renew?(): Promise<Credential | undefined>;
};

/** What a token is needed for. */
export type Need = {
  /** owner/name */
  readonly repository: string;
  /**
   * The permission that a fine-grained token or an App needs, in GitHub's words: "Contents: read". Several are
   * separated by commas. Empty if it is not known.
   */
  readonly permission: string;
  /** If one of several permissions is enough, `permission` is empty and these are their names, for a person. */
  readonly either?: readonly string[];
  /** If `permission` is empty, an App's token gets these permissions. Without them, only the repository is limited. */
  readonly permissions?: Permissions | undefined;
  /** The request, in the words of its failure. */
  readonly tried?: string;
};

/** Finds the token for a request. Throws a `Failure` if there is none. */
export type Credentials = (need: Need) => Promise<Credential>;

/** One token for everything. */
export function tokenCredentials(token: string, account = digestOf(token), variable?: string): Credentials {
  const credential = { token, account, variable };
  return async () => credential;
}

/**
 * The same credentials, read again after GitHub has rejected a token: it may have been replaced.
 * @param find the current credentials.
 */
export function renewed(find: () => Credentials, refresh: () => Promise<void>): Credentials {
  let credentials = find();
  return async (need) => {
    const credential = await credentials(need);
    const renew = async () => {
      await refresh();
      credentials = find();
      const again = await credentials(need);
      return again.token === credential.token ? credential.renew?.() : again;
    };
    return { ...credential, renew };
  };
}

/**
 * Tokens of one variable share their user's limits. A new token continues with the same account, which has the
 * variable's name. This is the service's account.
 */
export const SERVICE_ACCOUNT = "GITHUB_TOKEN";

/** Whether an account has the name of a token's variable, which a person renews. */
export const isVariable = (account: string): boolean => !account.includes(" ");

/** Requests that an App makes as itself have separate limits from those of its installations. */
export const appAccount = (id: string): string => `app ${id}`;

export const installationAccount = (id: number | string): string => `installation ${id}`;

/** Distinguishes the tokens of requests by 64 bits of a digest. It does not reveal the token. */
function digestOf(token: string): string {
  return `token ${createHash("sha256").update(token).digest("hex").slice(0, 16)}`;
}
