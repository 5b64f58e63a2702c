/** At most so many units within any so many milliseconds. A read costs 1 point; a write costs 5 points and is 1 write. */
export type Limit = { readonly unit: "points" | "writes"; readonly most: number; readonly ms: number };

/** What an account has used of GitHub's limits at a time (epoch milliseconds). */
export type Spending = { readonly at: number; readonly points: number; readonly writes: number };

/** GitHub's word to an account to be silent. */
export type Pause = {
  /** Epoch milliseconds. */
  readonly until: number;
  /** How many limits came one after the other, without an ordinary answer in between. */
  readonly strikes: number;
};

/** A pause as it is written down, with whose it is. */
export type StoredPause = Pause & Pick<AccountLimits, "account">;

export type AccountLimits = {
  /** Whose limits they are: see `Credential` in github/credentials.ts. Never holds a token. */
  readonly account: string;
  /** Oldest first. */
  readonly spent: readonly Spending[];
  readonly pause: Pause | undefined;
};

/** Remembers beyond the life of a process what GitHub's limits have left of each account. */
export type LimitLog = {
  /** What is known of every account; spending from `since` on (epoch milliseconds). */
  recall(since: number): Promise<readonly AccountLimits[]>;
  /** Notes what is about to be spent; what was spent before `since` is forgotten. */
  spend(account: string, spending: Spending, since: number): Promise<void>;
  /** Notes a pause, or with undefined that one is over. */
  pause(account: string, pause: Pause | undefined, over?: Pause): Promise<void>;
  /** How the processes that write one log keep the limits together. Undefined where there is only one process. */
  readonly shared?: SharedLimits | undefined;
};

export type SharedLimits = {
  /**
   * Spends while no other process can spend for this account. `decide` is told what the others know, and what it returns
   * is stored when this resolves. It is called again when the transaction has to be repeated, and has to forget then
   * what it decided before. Rejects with `StoreUnavailable`.
   * @param at when, and since when spending matters, for each unit (epoch milliseconds).
   */
  admit(account: string, at: AdmissionTimes, decide: (others: Others) => readonly Admitted[]): Promise<void>;
  /** What was held is spent at a time (epoch milliseconds), or with undefined was not. */
  settle(id: string, at: number | undefined): Promise<void>;
  /**
   * Tells what the others were told by GitHub.
   * @returns how to end it.
   */
  hear(listener: (news: LimitNews) => void): () => void;
};

export type AdmissionTimes = { readonly now: number; readonly since: Readonly<Record<Limit["unit"], number>> };

/** What the other processes have spent, oldest first, what they hold included, and the pause that is stored. */
export type Others = {
  readonly spent: readonly Spending[];
  readonly pause: Pause | undefined;
  readonly replicas: Replicas;
};

/** How many processes share the limits, this one included, and for how long the others have counted this one, ms. */
export type Replicas = { readonly count: number; readonly countedForMs: number };

/** With an id it is held until it is settled: it counts as if it were spent at every moment, for `HELD_MS` at most. */
export type Admitted = Spending & { readonly id?: string };

/** What a process holds that has died is free again after so long, unless it still counts as spent when it was held. */
export const HELD_MS = 60_000;

export type LimitNews =
  /** GitHub has asked for silence, or has let something pass after it. */
  | { readonly account: string; readonly pause: Pause; readonly isOver: boolean }
  /** Nothing could be heard for a while: what is stored must be recalled. */
  | { readonly missed: true };
