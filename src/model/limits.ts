/** Up to `most` units within any `ms` milliseconds. A read costs 1 point; a write costs 5 points and is 1 write. */
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

/** Remembers beyond the life of a process what GitHub's limits have left of each account, for all processes that write it. */
export type LimitLog = {
  /** What is known of every account; spending from `since` on (epoch milliseconds). */
  recall(since: number): Promise<readonly AccountLimits[]>;
  /**
   * Spends while no other process can spend for this account. What `decide` returns is stored when this resolves. It is
   * called again when the transaction has to be repeated, and has to forget then what it decided before. Rejects with
   * `StoreUnavailable`.
   * @param decide gets what the other processes have spent; undefined where no other can write this log. What it returns
   * is then on its way into the store when this resolves.
   */
  admit(
    account: string,
    at: AdmissionTimes,
    decide: (others: Others | undefined) => readonly Admitted[],
  ): Promise<void>;
  /** What was admitted with an id is spent at a time (epoch milliseconds), or with undefined was not. */
  settle(id: string, at: number | undefined): Promise<void>;
  /** Notes a pause, or with undefined that one is over. */
  pause(account: string, pause: Pause | undefined, over?: Pause): Promise<void>;
  /**
   * Tells what other processes were told by GitHub.
   * @returns how to end it.
   */
  hear(listener: (news: LimitNews) => void): () => void;
};

/** When something is admitted, and since when spending matters, for each unit (epoch milliseconds). */
export type AdmissionTimes = { readonly now: number; readonly since: Readonly<Record<Limit["unit"], number>> };

export type Others = {
  /** What they have spent, oldest first, what is admitted and not settled included. */
  readonly spent: readonly Spending[];
  /** The pause that is stored. */
  readonly pause: Pause | undefined;
  /** How many of them were admitted something for this account in the last `PRESENT_MS`. */
  readonly replicas: number;
};

/** With an id it is a reservation until it is settled: it counts as if it were spent now, for `RESERVED_MS`. */
export type Admitted = Spending & { readonly id?: string };

/** What a process that died has reserved is free again after this time, unless it counts as spent when it was reserved. */
export const RESERVED_MS = 60_000;

/** A process counts as present for this time after it was admitted something. */
export const PRESENT_MS = 60_000;

export type LimitNews =
  /** GitHub has asked for silence, or has let something pass after it. */
  | { readonly account: string; readonly pause: Pause; readonly isOver: boolean }
  /** Nothing could be heard for a while: what is stored must be recalled. */
  | { readonly missed: true };

/** Keeps nothing, for a process that ends with its work. */
export const NOTHING_KEPT: LimitLog = {
  recall: async () => [],
  admit: async (_account, _at, decide) => void decide(undefined),
  settle: async () => {},
  pause: async () => {},
  hear: () => () => {},
};
