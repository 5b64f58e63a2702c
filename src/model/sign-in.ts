import type { Grant, TryLater } from "./access.ts";
import type { Credential } from "./credential.ts";

/**
 * Why a person was not signed in. `unavailable`: the service that knows them cannot be reached, time may help. `denied`: it, or
 * the person, said no, or they have no role here. `invalid`: what the browser came back with does not hold.
 */
export class SignInFailed extends Error {
  override readonly name = "SignInFailed";
  readonly kind: "unavailable" | "denied" | "invalid";

  constructor(kind: SignInFailed["kind"], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}

/** A session as its browser gets it. */
export type OpenedSession = {
  readonly actor: string;
  readonly grants: readonly Grant[];
  /** How they signed in. */
  readonly via: Credential;
  /** The text of the cookie, and for how long it holds. */
  readonly secret: string;
  readonly seconds: number;
};

/** How people sign in with a browser, and out again. */
export type SignIn = {
  /** Whether one of AUTH_TOKENS can be typed in. */
  readonly takesTokens: boolean;
  /** Other services that know people, in the order of their buttons. */
  readonly methods: readonly {
    /** Part of its addresses: `/sign-in/oidc`, `/sign-in/oidc/callback`. */
    readonly name: string;
    /** As its button says it: `GitHub`, or the host of the issuer. */
    readonly title: string;
    /** Where signing in begins, in full: the browser comes back to that address. */
    readonly url: string;
  }[];
  /**
   * Opens a session for a token; undefined for any other text.
   * @param address of the client, which wrong tokens slow down.
   */
  withToken(token: string, address: string): Promise<OpenedSession | TryLater | undefined>;
  /**
   * Where to send the browser, and what it carries in a cookie there and back. Rejects with `SignInFailed`.
   * @param next the page that follows.
   */
  begin(method: string, next: string): Promise<{ location: string; carried: string; seconds: number }>;
  /**
   * Opens a session for a person who has come back. Rejects with `SignInFailed`.
   * @param answer the query of the callback.
   */
  finish(
    method: string,
    answer: URLSearchParams,
    carried: string | undefined,
  ): Promise<OpenedSession & { readonly next: string }>;
  /** Ends a session, on every replica. */
  end(secret: string): Promise<void>;
  /** Ends all sessions of an actor; resolves with how many. */
  endAll(actor: string): Promise<number>;
  /** How long a session holds that was opened with a token, and by another service, in hours. */
  readonly hours: { readonly token: number; readonly person: number };
};
