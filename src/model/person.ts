/** Who signs in, as what they sign in with knows them. What they may do follows from the settings, each time it is asked. */
export type Person = {
  /** As the history names them: a login of GitHub, a verified e-mail address, or the name that a proxy passes on. */
  readonly name: string;
} & (
  | {
      readonly from: "oidc" | "proxy";
      /** What never changes: the claim `sub`. */
      readonly subject?: string | undefined;
      /** Undefined when it is not verified. */
      readonly email?: string | undefined;
      readonly groups: readonly string[];
    }
  | {
      readonly from: "github";
      /** Organisations, `acme`, and teams, `acme/platform`, in lower case: those that rules name. */
      readonly memberships: readonly string[];
    }
);
