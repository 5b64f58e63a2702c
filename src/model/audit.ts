import type { Action } from "./run.ts";
import type { Who } from "./who.ts";

/**
 * The actions in the audit log. `request`: a rejected request. `sign-in` with the outcome `rejected`: a failed one.
 * Runs that events start are not included: the list of runs shows them with their actor.
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

/** A new entry. Never contains a body, a token, a cookie or a secret. */
export type AuditEntry = Who & {
  /** Epoch milliseconds, by the clock of the process. Of several equal entries, the first. */
  readonly at: number;
  readonly action: AuditAction;
  /** Without it: `done`. */
  readonly outcome?: (typeof AUDIT_OUTCOMES)[number] | undefined;
  /** The id of the run concerned. */
  readonly run?: string | undefined;
  /** `*` means all workflows. */
  readonly workflow?: string | undefined;
  /** More details, in words: `from the failure`, `POST /api/pause: …`. */
  readonly details?: string | undefined;
  /** How many equal entries this stands for; 1 without it. */
  readonly times?: number | undefined;
};

/** An entry that belongs to no other transaction. Its time is now. */
export type AuditNote = Omit<AuditEntry, "at">;

/** A position in the chain of records: the number of records up to it, and the hash of the last one. */
export type ChainLink = {
  readonly number: number;
  /** SHA-256 in hex; empty before the first record. */
  readonly hash: string;
};

/** The position before any record. */
export const NO_LINK: ChainLink = { number: 0, hash: "" };

export type AuditRecord = AuditEntry & {
  readonly outcome: (typeof AUDIT_OUTCOMES)[number];
  readonly times: number;
  /** Its position in the chain; undefined if an earlier version wrote it, which had no chain. */
  readonly link: ChainLink | undefined;
};

/** Which records to find. All given conditions must match. */
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

/** A problem of the chain, and its records. */
export type ChainProblem = {
  /**
   * `missing`: these were removed from between others. `cut_start`, `cut_end`: the oldest or the newest were removed.
   * `changed`: the record was changed after it was written. `misplaced`: it was moved, or added.
   */
  readonly kind: "missing" | "cut_start" | "cut_end" | "changed" | "misplaced";
  /** The numbers of the first and the last record concerned. */
  readonly from: number;
  readonly to: number;
};

/** The result of checking the whole chain. */
export type Verification = {
  /** The last record that was deleted because of its age. */
  readonly anchor: ChainLink;
  /** The newest record. */
  readonly head: ChainLink;
  /** How many records of the chain were read. */
  readonly checked: number;
  /** Up to 100. */
  readonly problems: readonly ChainProblem[];
  /** Records without a hash, from an earlier version. `latestAt`: when the last of them was written. */
  readonly notSealed: { readonly count: number; readonly latestAt: number | undefined };
};

/** The store's audit log. */
export type AuditLog = {
  /** Seals and adds records, in one transaction. */
  add(entries: readonly AuditEntry[]): Promise<void>;
  /** Newest first; `cursor` is the `next` of an earlier page. With `newer` oldest first, starting after the cursor. */
  list(
    filter: AuditFilter,
    page: { limit: number; cursor?: string | undefined; newer?: boolean | undefined },
  ): Promise<AuditPage>;
  /** Reads all records, oldest first, and checks each hash. */
  verify(): Promise<Verification>;
  /**
   * Gets each record that this process has added, after it is stored.
   * @returns a function that ends it.
   */
  hear(listener: (record: AuditRecord) => void): () => void;
};

/** The problem, in a sentence. */
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
