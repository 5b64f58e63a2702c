import type { Grant, TryLater } from "./access.ts";
import type { Credential } from "./credential.ts";

/**
 * Why a person was not signed in. `unavailable`: the sign-in service cannot be reached, and time may help. `denied`: it
 * or the person declined, or they have no role here. `invalid`: the browser's answer is not valid.
 */
export class SignInFailed extends Error {
  override readonly name = "SignInFailed";
  readonly kind: "unavailable" | "denied" | "invalid";

  constructor(kind: SignInFailed["kind"], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}

/** A session for its browser. */
export type OpenedSession = {
  readonly actor: string;
  readonly grants: readonly Grant[];
  /** How they signed in. */
  readonly via: Credential;
  /** The text of the cookie, and how long it is valid. */
  readonly secret: string;
  readonly seconds: number;
};

/** How people sign in and out with a browser. */
export type SignIn = {
  /** Whether people can enter one of AUTH_TOKENS. */
  readonly takesTokens: boolean;
  /** Other sign-in services, in the order of their buttons. */
  readonly methods: readonly {
    /** Part of its addresses: `/sign-in/oidc`, `/sign-in/oidc/callback`. */
    readonly name: string;
    /** The name on its button: `GitHub`, or the host of the issuer. */
    readonly title: string;
    /** The full address where signing in begins. The browser returns to that address. */
    readonly url: string;
  }[];
  /**
   * Opens a session for a token; undefined for any other text.
   * @param address of the client, which wrong tokens slow down.
   */
  withToken(token: string, address: string): Promise<OpenedSession | TryLater | undefined>;
  /**
   * Where to send the browser, and what its cookie must bring back. Rejects with `SignInFailed`.
   * @param next the page that follows.
   */
  begin(method: string, next: string): Promise<{ location: string; carried: string; seconds: number }>;
  /**
   * Opens a session for a person who has returned. Rejects with `SignInFailed`.
   * @param answer the query of the callback.
   */
  finish(
    method: string,
    answer: URLSearchParams,
    carried: string | undefined,
  ): Promise<OpenedSession & { readonly next: string }>;
  /** Ends a session, on every replica. */
  end(secret: string): Promise<void>;
  /** Ends all sessions of an actor. Resolves with their number. */
  endAll(actor: string): Promise<number>;
  /** How long a session is valid that was opened with a token, and with another service, in hours. */
  readonly hours: { readonly token: number; readonly person: number };
};
