import * as z from "zod";
import { millisecondsOf } from "../model/duration.ts";
import { ENDED_STATUSES } from "../model/run.ts";
import { fromSchema, once, runSchema } from "./runs-schemas.ts";

/** What the runs API takes and gives where something is done with many runs at once. */

const SINCE = "must be a length of time such as 2h, or a time such as 2026-11-24T12:00:00Z";

const filter = {
  workflow: once("Only runs of this workflow.").optional(),
  group: once("Only runs of this concurrency group.").optional(),
  since: z
    .string("must be given once")
    .transform((text, context) => {
      const time = timeOf(text);
      if (time === undefined) context.addIssue({ code: "custom", message: SINCE });
      return time ?? 0;
    })
    .meta({ description: "Only runs that were accepted since: a length of time such as `2h`, or a time (RFC 3339)." })
    .optional(),
};

function timeOf(text: string): number | undefined {
  try {
    return Date.now() - millisecondsOf(text);
  } catch {}
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** The query of `POST /api/runs/rerun`. */
export const bulkRerunQuerySchema = z.strictObject(
  {
    status: z
      .enum(ENDED_STATUSES, `must be one of ${ENDED_STATUSES.join(", ")}`)
      .meta({ description: "Only runs that ended so." })
      .default("failure"),
    ...filter,
    from: fromSchema,
  },
  "takes only status, workflow, group, since and from",
);

/** The query of `POST /api/runs/cancel`. */
export const bulkCancelQuerySchema = z.strictObject(filter, "takes only workflow, group and since");

export const bulkSchema = z.object({
  runs: z
    .array(
      z.object({
        run: runSchema.meta({ description: "As it is now." }),
        result: z.enum(["queued", "notNeeded", "rejected", "cancelled", "cancelling"]).meta({
          description:
            "notNeeded: it is under way, has ended, or its group has a newer run. rejected: it cannot be done unless you act. " +
            "cancelling: its attempt has not ended yet.",
        }),
        reason: z.string().meta({ description: "Why it was not done." }).optional(),
      }),
    )
    .meta({ description: "Newest first, at most 500." }),
  more: z.boolean().meta({ description: "There are more, with which nothing was done: ask again." }),
});

export type BulkShown = z.infer<typeof bulkSchema>;
