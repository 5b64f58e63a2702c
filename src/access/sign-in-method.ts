import { createHash } from "node:crypto";
import type { Credential } from "../model/credential.ts";
import type { Person } from "../model/person.ts";

/** Another service that says who a person is: the browser goes there, and comes back with a code. */
export type SignInMethod = {
  /** Part of its addresses: `/sign-in/oidc`, `/sign-in/oidc/callback`. */
  readonly name: "oidc" | "github";
  /** As the button names it: `GitHub`, or the host of the issuer. */
  readonly title: string;
  readonly via: Credential;
  /** Differs where sessions of another issuer or client must not count. Reveals no secret. */
  readonly credential: string;
  /** Where the browser is sent. Rejects with `SignInFailed` when the service cannot be asked. */
  begin(trip: Trip): Promise<URL>;
  /**
   * Who has come back, and what could not be learned about them, in words for the log.
   * @param answer the parameters of the callback.
   * @throws SignInFailed
   */
  finish(answer: URLSearchParams, trip: Trip): Promise<{ readonly person: Person; readonly doubts: readonly string[] }>;
};

/** What must be the same when the browser comes back. */
export type Trip = {
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  /** Of PKCE (RFC 7636): who has intercepted the code alone has nothing. */
  readonly verifier: string;
};

/** A digest of what a session depends on. */
export function credentialOf(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}
