/** What a request can bring to be let in; `other` is an `Authorization` of a kind that is not taken. */
export const CREDENTIALS = [
  "bearer",
  "basic",
  "cookie",
  "sign_in_form",
  "github_signature",
  "flux_signature",
  "other",
  "none",
] as const;

export type Credential = (typeof CREDENTIALS)[number];

/** A token that lets a caller in, and how the history names who brings it: `token argocd`. */
export type CallerToken = { readonly text: string; readonly actor: string };

/** The actor where no tokens are set. */
export const ANONYMOUS = "anonymous";
