/** A person who signs in, as the sign-in knows them. Their permissions follow from the settings at each request. */
export type Person = {
  /** The name in the history: a GitHub login, a verified e-mail address, or the name from a proxy. */
  readonly name: string;
} & (
  | {
      readonly from: "oidc" | "proxy";
      /** An identifier that never changes: the claim `sub`. */
      readonly subject?: string | undefined;
      /** Undefined if it is not verified. */
      readonly email?: string | undefined;
      readonly groups: readonly string[];
    }
  | {
      readonly from: "github";
      /** Organisations, `acme`, and teams, `acme/platform`, in lower case, as far as rules name them. */
      readonly memberships: readonly string[];
    }
);
