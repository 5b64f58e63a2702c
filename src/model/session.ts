import type { Credential } from "./credential.ts";
import type { Person } from "./person.ts";

/**
 * A person who signed in with a browser. It stores who they are, but not what they may do: that follows from the
 * current settings, so a role that you remove ends immediately.
 */
export type Session = {
  readonly actor: string;
  /** How they signed in. */
  readonly via: Credential;
  /** A digest of what must still be set for the session to be valid: the token, or the sign-in method. */
  readonly credential: string;
  /** Undefined if they signed in with a token. */
  readonly person: Person | undefined;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endsAt: number;
};

/** The sessions of all replicas. A session is identified by the hash of its browser's secret. */
export type Sessions = {
  /** Stores it, and deletes ended sessions. Keeps the newest 1000 of one actor. */
  start(hash: string, session: Session): Promise<void>;
  /** Undefined if there is none, it has ended by then, or a clock far ahead started it. */
  find(hash: string, now: number): Promise<Session | undefined>;
  /** False: there was none. */
  end(hash: string): Promise<boolean>;
  /** Ends all sessions of an actor, on every replica. Resolves with their number. */
  endAll(actor: string): Promise<number>;
};
