/** What a request can bring to be accepted. `other` is an `Authorization` of a kind that is not accepted. */
export const CREDENTIALS = [
  "bearer",
  "basic",
  "cookie",
  "sign_in_form",
  "oidc_sign_in",
  "github_sign_in",
  "oidc_token",
  "proxy_header",
  "github_signature",
  "flux_signature",
  "other",
  "none",
] as const;

export type Credential = (typeof CREDENTIALS)[number];

/** The credentials that start a session. Later requests of the session count as this. */
export const SIGN_INS: readonly Credential[] = ["sign_in_form", "oidc_sign_in", "github_sign_in"];

/** The actor if no tokens are set. */
export const ANONYMOUS = "anonymous";
