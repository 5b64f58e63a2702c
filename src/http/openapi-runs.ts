import { bulkCancelQuerySchema, bulkRerunQuerySchema, bulkSchema } from "./bulk-schemas.ts";
import {
  type Json,
  json,
  LOCATION,
  type Operation,
  queryParameters,
  type RefTo,
  STORE_AWAY,
  withText,
  X_RUN_ID,
} from "./openapi-parts.ts";
import { previewPageSchema, previewsQuerySchema } from "./previews-schemas.ts";
import { runsQuerySchema } from "./run-filter.ts";
import { linesQuerySchema, linesSchema } from "./run-log-schemas.ts";
import { rerunQuerySchema, rerunSchema, runDetailSchema, runPageSchema, runSchema } from "./runs-schemas.ts";

const RUN_ID = { name: "id", in: "path", required: true, schema: { type: "string" }, description: "Id of the run." };

/** The paths of the runs API. */
export function runPaths({ refTo, describe }: { refTo: RefTo; describe: (operation: Operation) => Json }): Json {
  const get = (operation: Operation) => ({ get: describe(operation) });
  return {
    "/api/runs": get({
      about: ["list-runs", "runs", "List runs, newest first"],
      parameters: queryParameters(runsQuerySchema),
      200: json("A page of runs.", refTo(runPageSchema(), "RunPage")),
      400: "A query value cannot be used.",
      404: "There is no such workflow, and no run of one.",
      503: "The runs cannot be read.",
    }),
    "/api/previews": get({
      about: ["list-previews", "runs", "List previews with the result of their tests, newest first"],
      description: "The newest preview of each application, or all of one.",
      parameters: queryParameters(previewsQuerySchema),
      200: json("A page of previews.", refTo(previewPageSchema(), "PreviewPage")),
      400: "A query value cannot be used.",
      503: "The runs cannot be read.",
    }),
    "/api/runs/{id}": get({
      about: ["get-run", "runs", "One run, with its attempts and steps"],
      parameters: [RUN_ID],
      200: json("The run.", refTo(runDetailSchema(), "RunDetail")),
      404: "There is no such run.",
      503: "The runs cannot be read.",
    }),
    "/api/runs/{id}/logs": get({
      about: ["get-run-log", "runs", "What a run's workflow has written"],
      description: "With `Accept: text/plain` a line of text each; a Link header leads to what is left.",
      parameters: [RUN_ID, ...queryParameters(linesQuerySchema)],
      200: withText(json("The lines.", refTo(linesSchema(), "RunLog"))),
      400: "The query cannot be used.",
      404: "There is no such run.",
      503: "The lines cannot be read.",
    }),
    "/api/runs/{id}/rerun": {
      post: describe({
        about: ["rerun-run", "runs", "Queue an ended run again, or start one with another input"],
        description:
          "Without a body, another attempt of the same run, which repeats all of its steps unless from=failure says otherwise. No older event of a concurrency group is carried out after a newer one: with a newer run in its group the answer is 409, unless evenIfOlder=true says otherwise. With `input` in the body, a new run of the same trigger, which names this one.",
        parameters: [RUN_ID, ...queryParameters(rerunQuerySchema)],
        requestBody: { content: { "application/json": { schema: refTo(rerunSchema, "RerunInput") } } },
        202: json("The run is queued.", refTo(runSchema(), "Run"), { Location: LOCATION, "X-Run-Id": X_RUN_ID }),
        400: "The query or the input cannot be used.",
        404: "There is no such run.",
        409: "It cannot be re-run now, or its group has a newer run; `detail` says which.",
        413: "The body is larger than 1 MiB.",
        503: STORE_AWAY,
      }),
    },
    "/api/runs/{id}/cancel": {
      post: describe({
        about: ["cancel-run", "runs", "Cancel a run"],
        description:
          "A run that is queued or waits has ended at once. For a running one, the answer comes when its attempt has ended and nothing more is sent for it.",
        parameters: [RUN_ID],
        200: json("It is cancelled, and nothing more is sent for it.", refTo(runSchema(), "Run")),
        202: json("It is to end, but its process has not confirmed that within 30 s.", refTo(runSchema(), "Run")),
        404: "There is no such run.",
        409: "It has ended already; `detail` says how.",
        503: STORE_AWAY,
      }),
    },
    "/api/runs/rerun": {
      post: describe({
        about: ["rerun-runs", "runs", "Re-run all runs that a filter finds"],
        description:
          "Newest first, and under the rules of a single re-run: the newest run of a group counts, older ones are not needed.",
        parameters: queryParameters(bulkRerunQuerySchema),
        200: json("What became of each.", refTo(bulkSchema(), "Bulk")),
        404: "There is no such workflow, and no run of one.",
        400: "The query cannot be used, or says not which runs.",
        503: STORE_AWAY,
      }),
    },
    "/api/runs/cancel": {
      post: describe({
        about: ["cancel-runs", "runs", "Cancel all runs that a filter finds and that have not ended"],
        parameters: queryParameters(bulkCancelQuerySchema),
        200: json("What became of each.", refTo(bulkSchema(), "Bulk")),
        404: "There is no such workflow, and no run of one.",
        400: "The query cannot be used, or says not which runs.",
        503: STORE_AWAY,
      }),
    },
  };
}
