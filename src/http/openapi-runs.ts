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
      400: "A query value is not valid.",
      404: "There is no such workflow, and no run of it.",
      503: "The runs cannot be read.",
    }),
    "/api/previews": get({
      about: ["list-previews", "runs", "List previews with the result of their tests, newest first"],
      description: "Lists the newest preview of each application, or all previews of one application.",
      parameters: queryParameters(previewsQuerySchema),
      200: json("A page of previews.", refTo(previewPageSchema(), "PreviewPage")),
      400: "A query value is not valid.",
      503: "The runs cannot be read.",
    }),
    "/api/runs/{id}": get({
      about: ["get-run", "runs", "Get one run with its attempts and steps"],
      parameters: [RUN_ID],
      200: json("The run.", refTo(runDetailSchema(), "RunDetail")),
      404: "There is no such run.",
      503: "The runs cannot be read.",
    }),
    "/api/runs/{id}/logs": get({
      about: ["get-run-log", "runs", "Get the log lines of a run's workflow"],
      description: "With `Accept: text/plain`, the answer is plain text. A Link header points to the next lines.",
      parameters: [RUN_ID, ...queryParameters(linesQuerySchema)],
      200: withText(json("The lines.", refTo(linesSchema(), "RunLog"))),
      400: "The query is not valid.",
      404: "There is no such run.",
      503: "The lines cannot be read.",
    }),
    "/api/runs/{id}/rerun": {
      post: describe({
        about: ["rerun-run", "runs", "Re-run a run, or start a new run with another input"],
        description:
          "Without a body, the same run gets another attempt. It repeats all steps. With from=failure, it keeps the results of successful steps and finished waits. An older event of a concurrency group does not run after a newer one: if the group has a newer run, the answer is 409. Send evenIfOlder=true to re-run it anyway. With `input` in the body, a new run of the same trigger starts and links to this one.",
        parameters: [RUN_ID, ...queryParameters(rerunQuerySchema)],
        requestBody: { content: { "application/json": { schema: refTo(rerunSchema, "RerunInput") } } },
        202: json("The run is queued.", refTo(runSchema(), "Run"), { Location: LOCATION, "X-Run-Id": X_RUN_ID }),
        400: "The query or the input is not valid.",
        404: "There is no such run.",
        409: "The run cannot be re-run now, or its group has a newer run. `detail` has the reason.",
        413: "The body is larger than 1 MiB.",
        503: STORE_AWAY,
      }),
    },
    "/api/runs/{id}/cancel": {
      post: describe({
        about: ["cancel-run", "runs", "Cancel a run"],
        description:
          "A queued or waiting run ends immediately. For a running run, the answer comes when its attempt has ended. Then it sends nothing more.",
        parameters: [RUN_ID],
        200: json("The run is cancelled and sends nothing more.", refTo(runSchema(), "Run")),
        202: json(
          "The run is being cancelled. Its process did not confirm the end within 30 s.",
          refTo(runSchema(), "Run"),
        ),
        404: "There is no such run.",
        409: "The run has already ended. `detail` has its status.",
        503: STORE_AWAY,
      }),
    },
    "/api/runs/rerun": {
      post: describe({
        about: ["rerun-runs", "runs", "Re-run all runs that match a filter"],
        description:
          "Newest first, with the rules of a single re-run: the newest run of a group is re-run, and older runs of it are not.",
        parameters: queryParameters(bulkRerunQuerySchema),
        200: json("The result for each run.", refTo(bulkSchema(), "Bulk")),
        404: "There is no such workflow, and no run of it.",
        400: "The query is not valid, or does not select runs.",
        503: STORE_AWAY,
      }),
    },
    "/api/runs/cancel": {
      post: describe({
        about: ["cancel-runs", "runs", "Cancel all unfinished runs that match a filter"],
        parameters: queryParameters(bulkCancelQuerySchema),
        200: json("The result for each run.", refTo(bulkSchema(), "Bulk")),
        404: "There is no such workflow, and no run of it.",
        400: "The query is not valid, or does not select runs.",
        503: STORE_AWAY,
      }),
    },
  };
}
