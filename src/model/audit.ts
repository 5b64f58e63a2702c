import type { Action } from "./run.ts";
import type { Who } from "./who.ts";

/**
 * What the audit log records. `request`: one that was rejected. `sign-in` with the outcome `rejected`: one that failed. Runs
 * that events start are not among them: they are in the list of runs, with their actor.
 */
export const AUDIT_ACTIONS = [
  "started",
  "re-run",
  "cancelled",
  "paused",
  "resumed",
  "answered",
  "sign-in",
  "sign-out",
  "sign-out-everywhere",
  "secrets",
  "request",
] as const satisfies readonly (Action["action"] | string)[];

type AuditAction = (typeof AUDIT_ACTIONS)[number];

export const AUDIT_OUTCOMES = ["done", "rejected"] as const;

/** What is about to be recorded. Never holds a body, a token, a cookie or a secret. */
export type AuditEntry = Who & {
  /** Epoch milliseconds, by the clock of the process; of equal ones the first. */
  readonly at: number;
  readonly action: AuditAction;
  /** Without it: `done`. */
  readonly outcome?: (typeof AUDIT_OUTCOMES)[number] | undefined;
  /** The id of the run that it was done with. */
  readonly run?: string | undefined;
  /** `*` is all of them. */
  readonly workflow?: string | undefined;
  /** What else is known, in words: `from the failure`, `POST /api/pause: …`. */
  readonly details?: string | undefined;
  /** How many equal ones this stands for; without it one. */
  readonly times?: number | undefined;
};

/** What is recorded by itself, in no transaction of an action: its time is now. */
export type AuditNote = Omit<AuditEntry, "at">;

/** A place in the chain of records: how many came before it and with it, and the hash of the last. */
export type ChainLink = {
  readonly number: number;
  /** SHA-256 in hex; empty before the first record. */
  readonly hash: string;
};

/** Before any record. */
export const NO_LINK: ChainLink = { number: 0, hash: "" };

export type AuditRecord = AuditEntry & {
  readonly outcome: (typeof AUDIT_OUTCOMES)[number];
  readonly times: number;
  /** Its place in the chain; undefined: an earlier version has written it, which seals none. */
  readonly link: ChainLink | undefined;
};

/** Which records are looked for: all that is given has to match. */
export type AuditFilter = {
  readonly actor?: string | undefined;
  readonly action?: AuditAction | undefined;
  readonly outcome?: (typeof AUDIT_OUTCOMES)[number] | undefined;
  readonly workflow?: string | undefined;
  readonly run?: string | undefined;
  readonly address?: string | undefined;
  readonly bulk?: string | undefined;
  /** At or after, epoch milliseconds. */
  readonly since?: number | undefined;
  /** Before, epoch milliseconds. */
  readonly until?: number | undefined;
};

type AuditPage = { readonly records: readonly AuditRecord[]; readonly next: string | undefined };

/** What is wrong with the chain, at which record. */
export type ChainProblem = {
  /**
   * `missing`: these were removed from between others. `cut_start`, `cut_end`: the oldest or the newest were. `changed`: it is
   * not as it was written. `misplaced`: it stands in another place than it was written, or was added.
   */
  readonly kind: "missing" | "cut_start" | "cut_end" | "changed" | "misplaced";
  /** The numbers of the first and the last record that it concerns. */
  readonly from: number;
  readonly to: number;
};

/** What a look at the whole chain found. */
export type Verification = {
  /** What was deleted since its time was over ends with this. */
  readonly anchor: ChainLink;
  /** The newest record. */
  readonly head: ChainLink;
  /** How many records of the chain were read. */
  readonly checked: number;
  /** Up to 100. */
  readonly problems: readonly ChainProblem[];
  /** Records without a hash: an earlier version wrote them. `latestAt`: when the last of them was written. */
  readonly notSealed: { readonly count: number; readonly latestAt: number | undefined };
};

/** What a store keeps of who did what. */
export type AuditLog = {
  /** Seals and adds records, in one transaction. */
  add(entries: readonly AuditEntry[]): Promise<void>;
  /** Newest first; `cursor` is the `next` of an earlier page. With `newer` oldest first, beginning behind the cursor. */
  list(
    filter: AuditFilter,
    page: { limit: number; cursor?: string | undefined; newer?: boolean | undefined },
  ): Promise<AuditPage>;
  /** Reads all records, oldest first, and checks each hash. */
  verify(): Promise<Verification>;
  /**
   * Tells each record that this process has added, once it is stored.
   * @returns how to end it.
   */
  hear(listener: (record: AuditRecord) => void): () => void;
};

/** What is wrong, in a sentence. */
export function problemText({ kind, from, to }: ChainProblem): string {
  const what = from === to ? `Record ${from}` : `Records ${from} to ${to}`;
  const texts = {
    missing: "removed from between others.",
    cut_start: "removed from the beginning, before the time to keep was over.",
    cut_end: "removed from the end.",
    changed: "changed after the time of writing.",
    misplaced: "moved from another place, or added.",
  };
  return `${what}: ${texts[kind]}`;
}
