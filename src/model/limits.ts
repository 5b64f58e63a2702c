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
  /** Notes a pause, or with undefined that it is over. */
  pause(account: string, pause: Pause | undefined): Promise<void>;
};
