import type { Credential } from "./credential.ts";
import type { Person } from "./person.ts";

/**
 * Someone who has signed in with a browser. It holds who they are, and never what they may do: that follows from the settings
 * of the moment, so that a role that is taken away is gone at once.
 */
export type Session = {
  readonly actor: string;
  /** How they signed in. */
  readonly via: Credential;
  /** What must still be set for the session to hold, as a digest: the token, or what they signed in with. */
  readonly credential: string;
  /** Undefined when a token is what they have shown. */
  readonly person: Person | undefined;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endsAt: number;
};

/** The sessions of all replicas. A session is known by the hash of the secret that its browser has. */
export type Sessions = {
  /** Keeps it, and deletes those that have ended. Of one actor the newest 1000 are kept. */
  start(hash: string, session: Session): Promise<void>;
  /** Undefined when there is none, it has ended by then, or a clock that was set far ahead has started it. */
  find(hash: string, now: number): Promise<Session | undefined>;
  /** False: there was none. */
  end(hash: string): Promise<boolean>;
  /** Ends all of an actor, on every replica; resolves with how many. */
  endAll(actor: string): Promise<number>;
};
