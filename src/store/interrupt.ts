import type { SQLInputValue } from "node:sqlite";
import { afterInterruption } from "../model/retry.ts";
import type { Row } from "./rows.ts";

export type InterruptNeeds = {
  one(text: string, ...values: SQLInputValue[]): Row | undefined;
  change(text: string, ...values: SQLInputValue[]): unknown;
  requeue(row: Row, dueAt: number, at: number): void;
};

/** Ends the attempts of a process that is gone (rows of `runs`) at a time, epoch milliseconds. */
export function interrupting({ one, change, requeue }: InterruptNeeds): (rows: readonly Row[], at: number) => void {
  return (rows, at) => {
    let ahead = 0;
    for (const row of rows.toSorted((a, b) => (a.seq as number) - (b.seq as number))) {
      const seq = row.seq as number;
      const ownToken = row.own_token === 1;
      change(
        "INSERT OR IGNORE INTO attempts VALUES (?, ?, ?, ?, 'interrupted', ?, NULL, NULL, NULL)",
        seq,
        row.attempts as number,
        row.started_at as number,
        at,
        GONE,
      );
      const inARow = interruptionsOf(row);
      const next = afterInterruption({ ownToken }, { now: at, inARow, ahead });
      if (next.end) {
        change(
          `UPDATE runs SET status = 'failure', ended_at = ?, reason = ?, http = 500, kind = 'permanent', owner = NULL,
           lease_until = NULL WHERE seq = ?`,
          at,
          goneFor({ ownToken, inARow }),
          seq,
        );
        continue;
      }
      if (next.dueAt > at) ahead++;
      requeue(row, next.dueAt, at);
    }
  };

  /** How many of its latest attempts ended with their process, since the last one that did not, or the re-run. */
  function interruptionsOf({ seq, steps_from }: Row): number {
    const counted = one(
      `SELECT count(*) AS count FROM attempts WHERE run = ?1 AND number >= ?2 AND number > coalesce(
         (SELECT max(number) FROM attempts WHERE run = ?1 AND reason IS NOT ?3), 0)`,
      seq as number,
      steps_from as number,
      GONE,
    );
    return counted?.count as number;
  }
}

/** The reason of an attempt that nobody ended; an orderly stop has another one. */
export const GONE = "The process ended before the attempt did.";

/** Why a run ends with an attempt that nobody ended. */
export function goneFor({ ownToken, inARow }: { ownToken: boolean; inARow: number }): string {
  if (ownToken) return `${GONE} It came with a token of its own, which is not stored: send it again.`;
  return (
    `The process ended before the attempt did, ${inARow} times in a row. See in its log, or from its platform, what ` +
    "ended it; when that is mended, re-run it."
  );
}
