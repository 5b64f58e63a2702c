import * as z from "zod";
import { atFirstUse } from "../model/at-first-use.ts";
import { ENDED_STATUSES } from "../model/run.ts";
import { filterFields } from "./run-filter.ts";
import { fromSchema, runSchema } from "./runs-schemas.ts";

/** What the runs API takes and gives where something is done with many runs at once. */

/** The query of `POST /api/runs/rerun`. */
export const bulkRerunQuerySchema = z.strictObject(
  {
    status: z
      .enum(ENDED_STATUSES, `must be one of ${ENDED_STATUSES.join(", ")}`)
      .meta({ description: "Only runs that ended so." })
      .default("failure"),
    ...filterFields,
    from: fromSchema,
  },
  "takes only status, workflow, group, text, since, until and from",
);

/** The query of `POST /api/runs/cancel`. */
export const bulkCancelQuerySchema = z.strictObject(filterFields, "takes only workflow, group, text, since and until");

/** Made for the description of the API. */
export const bulkSchema = atFirstUse(() =>
  z.object({
    runs: z
      .array(
        z.object({
          run: runSchema().meta({ description: "As it is now." }),
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
  }),
);

export type BulkShown = z.infer<ReturnType<typeof bulkSchema>>;
