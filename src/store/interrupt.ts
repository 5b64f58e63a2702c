import type { SQLInputValue } from "node:sqlite";
import { afterInterruption, MOST_ALONE } from "../model/retry.ts";
import type { Row } from "./rows.ts";

export type InterruptNeeds = {
  one(text: string, ...values: SQLInputValue[]): Row | undefined;
  change(text: string, ...values: SQLInputValue[]): unknown;
  requeue(row: Row, dueAt: number, at: number): void;
};

/**
 * Ends the attempts of a process that is gone (rows of `runs`) at a time, epoch milliseconds.
 * @param all these are all the runs that it had in flight when it ended.
 */
export function interrupting({
  one,
  change,
  requeue,
}: InterruptNeeds): (rows: readonly Row[], at: number, which: { all: boolean }) => void {
  return (rows, at, { all }) => {
    let ahead = 0;
    const reason = all && rows.length === 1 ? GONE_ALONE : GONE;
    for (const row of rows.toSorted((a, b) => (a.seq as number) - (b.seq as number))) {
      const seq = row.seq as number;
      const ownToken = row.own_token === 1;
      change(
        "INSERT OR IGNORE INTO attempts VALUES (?, ?, ?, ?, 'interrupted', ?, NULL, NULL, NULL)",
        seq,
        row.attempts as number,
        row.started_at as number,
        at,
        reason,
      );
      const counts = interruptionsOf(row);
      const next = afterInterruption({ ownToken }, { now: at, ahead, ...counts });
      if (next.end) {
        change(
          `UPDATE runs SET status = 'failure', ended_at = ?, reason = ?, http = 500, kind = 'permanent', owner = NULL,
           lease_until = NULL WHERE seq = ?`,
          at,
          goneFor({ ownToken, ...counts }),
          seq,
        );
        continue;
      }
      if (next.dueAt > at) ahead++;
      requeue(row, next.dueAt, at);
    }
  };

  function interruptionsOf({ seq }: Row): Interruptions {
    const counted = one(`SELECT ${interruptions("attempts")} FROM runs WHERE seq = ?`, seq as number);
    return { inARow: counted?.in_a_row as number, alone: counted?.alone as number };
  }
}

/** How many of its latest attempts ended with their process, since the last one that did not, or the re-run. */
export type Interruptions = { readonly inARow: number; readonly alone: number };

/** The reason of an attempt that nobody ended; an orderly stop has another one. */
export const GONE = "The process ended before the attempt did.";

/** The same, when the run was all that the process had in flight. */
export const GONE_ALONE = `${GONE} Nothing else was in flight.`;

const IS_GONE = `reason IN ('${GONE}', '${GONE_ALONE}')`;

/**
 * `Interruptions` of a row of `runs` as the columns `in_a_row` and `alone`, in SQL that both databases understand.
 * @param attempts the table of attempts.
 */
export function interruptions(attempts: string): string {
  const latest = `FROM ${attempts} AS a WHERE a.run = runs.seq AND a.number >= runs.steps_from AND a.number > coalesce(
    (SELECT max(b.number) FROM ${attempts} AS b WHERE b.run = runs.seq AND (b.reason IS NULL OR NOT b.${IS_GONE})), 0)`;
  return `(SELECT count(*) ${latest}) AS in_a_row, (SELECT count(*) ${latest} AND a.reason = '${GONE_ALONE}') AS alone`;
}

/**
 * Whether the two attempts of a row of `runs` up to a number both ended with their process: whether it is a suspect, of
 * which one at a time is attempted. An expression that costs nothing for a run that was attempted less often.
 */
export function isSuspect(attempts: string, upTo: "runs.attempts" | "runs.attempts - 1"): string {
  return `(${upTo} >= 2 AND 2 = (SELECT count(*) FROM ${attempts} AS a WHERE a.run = runs.seq AND a.${IS_GONE}
    AND a.number >= runs.steps_from AND a.number > ${upTo} - 2 AND a.number <= ${upTo}))`;
}

/** Why a run ends with an attempt that nobody ended. */
export function goneFor({ ownToken, inARow, alone }: { ownToken: boolean } & Interruptions): string {
  if (ownToken) return `${GONE} It brought its token, which is not stored: send it again.`;
  const remedy =
    "See in its log, or from its platform, what ended it (out of memory: less to read, or a larger heap); when that is " +
    "fixed, re-run it.";
  if (alone < MOST_ALONE) {
    return `The process ended before the attempt did, ${inARow} times in a row. ${remedy}`;
  }
  return `The process ended ${alone} times while this run was all that it had in flight, so it is not attempted again. ${remedy}`;
}
