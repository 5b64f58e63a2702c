import type { Context } from "hono";
import { LOG_LEVELS, type LogLevel } from "../model/run.ts";

/** Which lines of a run are shown. */
export type LogQuery = {
  /** Of this attempt alone. */
  readonly attempt: number | undefined;
  readonly level: LogLevel | undefined;
  /** What comes after this line, `ATTEMPT.LINE`. */
  readonly after: string | undefined;
};

/** What a page of the log was asked for. */
export function logQuery(c: Context): LogQuery {
  const after = c.req.query("after");
  return {
    attempt: numberIn(c.req.query("attempt")),
    level: levelIn(c),
    after: after !== undefined && /^\d{1,9}\.\d{1,9}$/.test(after) ? after : undefined,
  };
}

/** The number of an attempt; undefined for any other text. */
export function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}

/** The level in the query; undefined: all, also for a text that is none. */
export function levelIn(c: Context): LogLevel | undefined {
  const level = c.req.query("level");
  return LOG_LEVELS.find((each) => each === level);
}
