import { createHash } from "node:crypto";
import type { Permissions } from "../../model/permissions.ts";

/** A token, and whose limits its requests count against. */
export type Credential = {
  readonly token: string;
  /** Names what GitHub counts its limits by, such as `installation 42`. Never holds a token: it is stored and shown. */
  readonly account: string;
  /** The variable of the token, or of the key of the App, where a workflow names one. */
  readonly variable?: string | undefined;
  /** What the workflow lets a token of an App do. */
  readonly permissions?: Permissions | undefined;
  /** Gets another token when GitHub has rejected this one (401); absent or undefined when there is no other. */
  renew?(): Promise<Credential | undefined>;
};

/** What a token is needed for. */
export type Need = {
  /** owner/name */
  readonly repository: string;
  /** The permission that a fine-grained token or an App needs, in GitHub's words: "Contents: read", several with commas. Empty: not known. */
  readonly permission: string;
  /** Where one of several permissions is enough, and `permission` is empty: their names, for a person. */
  readonly either?: readonly string[];
  /** What a token of an App is narrowed to where `permission` is empty; without it, to the repository alone. */
  readonly permissions?: Permissions | undefined;
  /** The request, in the words of its failure. */
  readonly tried?: string;
};

/** Finds the token for a request; throws a `Failure` when there is none. */
export type Credentials = (need: Need) => Promise<Credential>;

/** One token for everything. */
export function tokenCredentials(token: string, account = digestOf(token), variable?: string): Credentials {
  const credential = { token, account, variable };
  return async () => credential;
}

/**
 * The same with what there is by then when GitHub has rejected a token: it may have been replaced.
 * @param find the credentials as they are now.
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
 * The tokens of a variable share their user's limits, so a new one continues with the same account, named for the variable: this
 * is the service's.
 */
export const SERVICE_ACCOUNT = "GITHUB_TOKEN";

/** Whether an account is named for the variable of a token, which a person renews. */
export const isVariable = (account: string): boolean => !account.includes(" ");

/** Requests that an App makes as itself have other limits than those of its installations. */
export const appAccount = (id: string): string => `app ${id}`;

export const installationAccount = (id: number | string): string => `installation ${id}`;

/** Tells the tokens of requests apart, in 64 bits of a digest from which no token can be found. */
function digestOf(token: string): string {
  return `token ${createHash("sha256").update(token).digest("hex").slice(0, 16)}`;
}
