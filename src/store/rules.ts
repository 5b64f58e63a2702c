import { LONGEST_DELAY_MS, LONGEST_LIMIT_MS } from "../model/retry.ts";
import type { RerunRejected } from "../model/store.ts";
import type { Row } from "./rows.ts";

/**
 * What each store decides, once for both: a store reads the situation and carries out the decision in one transaction.
 */

/** What a store knows of the group of a run that is to be run again; nothing where the run has no turn in a group. */
export type RerunSituation = {
  /** The run of its group that is queued or running. */
  readonly busy: Row | undefined;
  /** The newest run of its group that was accepted after it. */
  readonly newer: Row | undefined;
};

/**
 * Whether a run may be run again; undefined when it may. No older event of a group is carried out after a newer one. It
 * does not matter how the newer one ended: if it failed, it is the one to run again.
 * @param evenIfOlder the caller has said that the newer run does not matter.
 */
export function rerunProblem(
  run: Row,
  { busy, newer }: RerunSituation,
  { evenIfOlder }: { evenIfOlder: boolean },
): RerunRejected | undefined {
  const isOlderThan = (other: Row) => (run.seq as number) < (other.seq as number);
  if (run.status === "queued" || run.status === "running") {
    return { status: "notNeeded", reason: `The run is still ${run.status}.`, canForce: false };
  }
  if (run.own_token === 1) {
    return {
      status: "rejected",
      reason: "The run brought its token, which is not stored: send it again.",
    };
  }
  if (busy) {
    const reason = `Another run of the same group is ${busy.status}: ${busy.id}. Re-run this one when it has ended.`;
    return isOlderThan(busy) ? { status: "notNeeded", reason, canForce: false } : { status: "rejected", reason };
  }
  if (newer && !evenIfOlder) {
    return {
      status: "notNeeded",
      reason: `Its group has a newer run: ${newer.id} (${newer.status}). A re-run of this one would send the older event after the newer one.`,
      canForce: true,
    };
  }
  return undefined;
}

/**
 * What a clock that was wrong has left: a run that would wait for longer than any delay. No limit, and it is due now; for
 * a limit it waits as long as the longest. In SQL that both databases understand.
 * @param now an expression, epoch milliseconds.
 */
export function heldByWrongClock(now: string): { where: string; dueAt: string } {
  return {
    where: `status = 'queued' AND due_at > ${now} + ${LONGEST_DELAY_MS}
      AND (kind IS DISTINCT FROM 'limit' OR due_at > ${now} + ${LONGEST_LIMIT_MS})`,
    dueAt: `CASE WHEN kind = 'limit' THEN ${now} + ${LONGEST_LIMIT_MS} ELSE ${now} END`,
  };
}

/** The order in which runs are claimed: the oldest due first, of those the one that was accepted first. */
export function byDue(a: Row, b: Row): number {
  return (a.due_at as number) - (b.due_at as number) || (a.seq as number) - (b.seq as number);
}

/**
 * A regular expression, for JavaScript (flag `u`) and PostgreSQL alike, that finds a text in any case. Neither database's
 * lower() will do: SQLite's knows ASCII alone, and PostgreSQL's what the database's locale knows. A letter whose other
 * case is two letters, such as ß, is found as it is.
 */
export function searchPattern(text: string): string {
  return [...text]
    .map((letter) => {
      const cases = [...new Set([letter, letter.toLowerCase(), letter.toUpperCase()])];
      const single = cases.filter((each) => [...each].length === 1);
      return single.length > 1 ? `[${single.join("")}]` : letter.replace(/[\^$\\.*+?()[\]{}|/]/, "\\$&");
    })
    .join("");
}
