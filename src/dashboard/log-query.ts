import type { Context } from "hono";
import { LOG_LEVELS, type LogLevel } from "../model/run.ts";

/** Which lines of a run are shown. */
export type LogQuery = {
  /** Only lines of this attempt. */
  readonly attempt: number | undefined;
  readonly level: LogLevel | undefined;
  /** Only lines after this one, `ATTEMPT.LINE`. */
  readonly after: string | undefined;
};

/** The query of a log page. */
export function logQuery(c: Context): LogQuery {
  const after = c.req.query("after");
  return {
    attempt: numberIn(c.req.query("attempt")),
    level: levelIn(c),
    after: after !== undefined && /^\d{1,9}\.\d{1,9}$/.test(after) ? after : undefined,
  };
}

/** The number of an attempt. Undefined if the text is not one. */
export function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}

/** The level in the query. Undefined means all levels, even if the text is not a level. */
export function levelIn(c: Context): LogLevel | undefined {
  const level = c.req.query("level");
  return LOG_LEVELS.find((each) => each === level);
}
