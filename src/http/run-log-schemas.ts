import * as z from "zod";
import { atFirstUse } from "../model/at-first-use.ts";
import { upTo } from "./runs-schemas.ts";

/** The query and the answer of `GET /api/runs/{id}/logs`. */

const MAX_LINES = 1000;

/** The query of `GET /api/runs/{id}/logs`. */
export const linesQuerySchema = z.strictObject(
  {
    after: z
      .string("must be given once")
      .regex(/^\d{1,9}\.\d{1,9}$/, "must be the `next` of an earlier answer")
      .meta({ description: "The `next` of an earlier answer. Only lines written after it." })
      .optional(),
    limit: upTo(MAX_LINES, "Lines in the answer.").default(MAX_LINES),
  },
  "takes only after and limit",
);

/** Created for the description of the API and for the command line. */
export const linesSchema = atFirstUse(() => {
  const line = z.object({
    attempt: z.int().min(1).meta({ description: "Number of the attempt that wrote it." }),
    number: z.int().min(1).meta({ description: "Counts from 1 in each attempt." }),
    at: z.string().meta({ format: "date-time" }),
    level: z.enum(["debug", "info", "warn", "error"]),
    message: z.string(),
    facts: z
      .record(z.string(), z.unknown())
      .meta({ description: "Facts that were logged with the message." })
      .optional(),
  });

  return z.object({
    lines: z.array(line).meta({ description: "Oldest first." }),
    next: z.string().meta({
      description: "Send it as `after` to get the next lines. Always present: a run that has not ended may write more.",
    }),
  });
});

export type LinesShown = z.infer<ReturnType<typeof linesSchema>>;
