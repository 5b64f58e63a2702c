import { type Json, json, LOCATION, type Operation, type RefTo, STORE_AWAY, X_RUN_ID } from "./openapi-parts.ts";
import { runSchema } from "./runs-schemas.ts";
import { pauseSchema, startSchema, workflowListSchema } from "./workflows-schemas.ts";

const WORKFLOW_NAME = {
  name: "name",
  in: "path",
  required: true,
  schema: { type: "string" },
  description: "Its name.",
};

/** The paths that list, start, pause and resume workflows. */
export function workflowPaths({ refTo, describe }: { refTo: RefTo; describe: (operation: Operation) => Json }): Json {
  return {
    "/api/workflows": {
      get: describe({
        about: ["list-workflows", "workflows", "List workflows, with what starts each"],
        200: json("All of the service.", refTo(workflowListSchema(), "WorkflowList")),
      }),
    },
    "/api/workflows/{name}/runs": {
      post: describe({
        about: ["start-run", "workflows", "Start a run by hand"],
        description:
          "For a workflow with the trigger `manual`. The inputs are checked by its schema, and the run is stored before the answer.",
        parameters: [WORKFLOW_NAME],
        requestBody: { content: { "application/json": { schema: refTo(startSchema, "Start") } } },
        202: json("The run is stored.", refTo(runSchema(), "Run"), { Location: LOCATION, "X-Run-Id": X_RUN_ID }),
        400: "The inputs cannot be used; `detail` names every problem.",
        404: "There is no such workflow; `detail` names those that can be started.",
        409: "The workflow is not started by hand.",
        413: "The body is larger than 64 KiB.",
        503: STORE_AWAY,
      }),
    },
    "/api/workflows/{name}/pause": {
      post: describe({
        about: ["pause-workflow", "workflows", "Begin no more runs of a workflow"],
        description:
          "Events are accepted and wait, runs that wait stay asleep, and what runs continues. A request that brings its own token is answered 503.",
        parameters: [WORKFLOW_NAME],
        200: json("It is paused.", refTo(pauseSchema(), "Pause")),
        404: "There is no such workflow.",
        503: STORE_AWAY,
      }),
    },
    "/api/workflows/{name}/resume": {
      post: describe({
        about: ["resume-workflow", "workflows", "Let runs of a workflow begin again"],
        parameters: [WORKFLOW_NAME],
        200: json("Its own pause has ended; `paused` says whether all are paused.", refTo(pauseSchema(), "Pause")),
        404: "There is no such workflow.",
        503: STORE_AWAY,
      }),
    },
    "/api/pause": {
      post: describe({
        about: ["pause-all", "workflows", "Begin no more runs of any workflow"],
        200: json("All are paused.", refTo(pauseSchema(), "Pause")),
        503: STORE_AWAY,
      }),
    },
    "/api/resume": {
      post: describe({
        about: ["resume-all", "workflows", "End the pause of all workflows"],
        200: json("It has ended; `pausedByName` stay paused.", refTo(pauseSchema(), "Pause")),
        503: STORE_AWAY,
      }),
    },
  };
}
