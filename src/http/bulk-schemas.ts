import * as z from "zod";
import { atFirstUse } from "../model/at-first-use.ts";
import { ENDED_STATUSES } from "../model/run.ts";
import { filterFields } from "./run-filter.ts";
import { fromSchema, runSchema } from "./runs-schemas.ts";

/** The queries and answers of the runs API for many runs together. */

/** The query of `POST /api/runs/rerun`. */
export const bulkRerunQuerySchema = z.strictObject(
  {
    status: z
      .enum(ENDED_STATUSES, `must be one of ${ENDED_STATUSES.join(", ")}`)
      .meta({ description: "Only runs that ended with this status." })
      .default("failure"),
    ...filterFields,
    from: fromSchema,
  },
  "takes only status, workflow, group, text, since, until and from",
);

/** The query of `POST /api/runs/cancel`. */
export const bulkCancelQuerySchema = z.strictObject(filterFields, "takes only workflow, group, text, since and until");

/** Created for the description of the API. */
export const bulkSchema = atFirstUse(() =>
  z.object({
    runs: z
      .array(
        z.object({
          run: runSchema().meta({ description: "The run after the request." }),
          result: z.enum(["queued", "notNeeded", "rejected", "cancelled", "cancelling"]).meta({
            description:
              "notNeeded: the run has not ended (re-run) or has already ended (cancel), or its group has a newer run. " +
              "rejected: you must act first. " +
              "cancelling: its attempt has not ended yet.",
          }),
          reason: z.string().meta({ description: "Why the run was not changed." }).optional(),
        }),
      )
      .meta({ description: "Newest first, up to 500." }),
    more: z.boolean().meta({ description: "More runs match and were not changed: send the request again." }),
  }),
);

export type BulkShown = z.infer<ReturnType<typeof bulkSchema>>;
