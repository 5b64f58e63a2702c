import { createHash } from "node:crypto";
import type { Credential } from "../model/credential.ts";
import type { Person } from "../model/person.ts";

/** Another service that identifies a person: the browser goes there and comes back with a code. */
export type SignInMethod = {
  /** Part of its paths: `/sign-in/oidc`, `/sign-in/oidc/callback`. */
  readonly name: "oidc" | "github";
  /** Label of the button: `GitHub`, or the host of the issuer. */
  readonly title: string;
  readonly via: Credential;
  /** Changes with the issuer or the client, so that old sessions become invalid. Reveals no secret. */
  readonly credential: string;
  /** The address to send the browser to. Rejects with `SignInFailed` when the service cannot be asked. */
  begin(trip: Trip): Promise<URL>;
  /**
   * Identifies the person who came back. `doubts` are log messages about facts that could not be read.
   * @param answer the parameters of the callback.
   * @throws SignInFailed
   */
  finish(answer: URLSearchParams, trip: Trip): Promise<{ readonly person: Person; readonly doubts: readonly string[] }>;
};

/** Values that must be the same when the browser comes back. */
export type Trip = {
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  /** The verifier of PKCE (RFC 7636): without it, an intercepted code is useless. */
  readonly verifier: string;
};

/** A digest of the values that a session depends on. */
export function credentialOf(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}
