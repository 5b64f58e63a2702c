/** Up to `most` units within any `ms` milliseconds. A read costs 1 point; a write costs 5 points and is 1 write. */
export type Limit = { readonly unit: "points" | "writes"; readonly most: number; readonly ms: number };

/** An account's use of GitHub's limits at a time (epoch milliseconds). */
export type Spending = { readonly at: number; readonly points: number; readonly writes: number };

/** GitHub's demand that an account pauses. */
export type Pause = {
  /** Epoch milliseconds. */
  readonly until: number;
  /** How many limits followed each other without a normal answer in between. */
  readonly strikes: number;
};

/** A stored pause, with its account. */
export type StoredPause = Pause & Pick<AccountLimits, "account">;

export type AccountLimits = {
  /** The account of the limits: see `Credential` in github/credentials.ts. Never contains a token. */
  readonly account: string;
  /** Oldest first. */
  readonly spent: readonly Spending[];
  readonly pause: Pause | undefined;
};

/**
 * Stores what GitHub's limits have left for each account, for all processes that write this log. It outlives a process.
 */
export type LimitLog = {
  /** What is known of every account. `since`: the start of the spending (epoch milliseconds). */
  recall(since: number): Promise<readonly AccountLimits[]>;
  /**
   * Spends while no other process can spend for this account. The result of `decide` is stored when this resolves. If
   * the transaction is repeated, `decide` is called again, and must forget its earlier decision. Rejects with
   * `StoreUnavailable`.
   * @param decide gets what the other processes have spent. Undefined if no other process can write this log: its
   * result is then on its way into the store when this resolves.
   */
  admit(
    account: string,
    at: AdmissionTimes,
    decide: (others: Others | undefined) => readonly Admitted[],
  ): Promise<void>;
  /** Marks an admitted id as spent at a time (epoch milliseconds), or with undefined as not spent. */
  settle(id: string, at: number | undefined): Promise<void>;
  /** Stores a pause, or with undefined the end of one. */
  pause(account: string, pause: Pause | undefined, over?: Pause): Promise<void>;
  /**
   * Gets the limits that GitHub reported to other processes.
   * @returns a function that ends it.
   */
  hear(listener: (news: LimitNews) => void): () => void;
};

/** The time of an admission, and since when spending matters, for each unit (epoch milliseconds). */
export type AdmissionTimes = { readonly now: number; readonly since: Readonly<Record<Limit["unit"], number>> };

export type Others = {
  /** The others' spending, oldest first, including admissions that are not settled. */
  readonly spent: readonly Spending[];
  /** The stored pause. */
  readonly pause: Pause | undefined;
  /** How many of them were admitted something for this account in the last `PRESENT_MS`. */
  readonly replicas: number;
};

/** With an id it is a reservation until it is settled: for `RESERVED_MS` it counts as spent now. */
export type Admitted = Spending & { readonly id?: string };

/** A reservation that is not settled counts as spent now for this time, and then as spent when it was made, ms. */
export const RESERVED_MS = 60_000;

/** How long a process counts as active after an admission. */
export const PRESENT_MS = 60_000;

export type LimitNews =
  /** GitHub has asked for a pause, or has answered normally after one. */
  | { readonly account: string; readonly pause: Pause; readonly isOver: boolean }
  /** News may have been missed: recall what is stored. */
  | { readonly missed: true };

/** Stores nothing, for a process that ends with its work. */
export const NOTHING_KEPT: LimitLog = {
  recall: async () => [],
  admit: async (_account, _at, decide) => void decide(undefined),
  settle: async () => {},
  pause: async () => {},
  hear: () => () => {},
};
