/** A token, and whose limits its requests count against. */
export type Credential = {
  readonly token: string;
  /** Names what GitHub counts its limits by, such as `installation 42`. Never holds a token: it is stored and shown. */
  readonly account: string;
  /** Gets another token when GitHub has refused this one (401); absent when there is no other. */
  renew?(): Promise<Credential>;
};

/** What a token is needed for. */
export type Need = {
  /** owner/name */
  readonly repository: string;
  /** The permission that a fine-grained token or an App needs, in GitHub's words: "Contents: read". Empty: not known. */
  readonly permission: string;
};

/** Finds the token for a request; throws a `Failure` when there is none. */
export type Credentials = (need: Need) => Promise<Credential>;

/** One token for everything. */
export function tokenCredentials(token: string, account: string): Credentials {
  const credential = { token, account };
  return async () => credential;
}
