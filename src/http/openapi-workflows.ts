import { type Json, json, LOCATION, type Operation, type RefTo, STORE_AWAY, X_RUN_ID } from "./openapi-parts.ts";
import { runSchema } from "./runs-schemas.ts";
import { pauseSchema, startSchema, workflowListSchema } from "./workflows-schemas.ts";

const WORKFLOW_NAME = {
  name: "name",
  in: "path",
  required: true,
  schema: { type: "string" },
  description: "Name of the workflow.",
};

/** The paths of the workflows API. */
export function workflowPaths({ refTo, describe }: { refTo: RefTo; describe: (operation: Operation) => Json }): Json {
  return {
    "/api/workflows": {
      get: describe({
        about: ["list-workflows", "workflows", "List workflows and their triggers"],
        200: json("All workflows of the service.", refTo(workflowListSchema(), "WorkflowList")),
      }),
    },
    "/api/workflows/{name}/runs": {
      post: describe({
        about: ["start-run", "workflows", "Start a run by hand"],
        description:
          "Works for a workflow with the trigger `manual`. Its schema checks the inputs. The run is stored before the answer.",
        parameters: [WORKFLOW_NAME],
        requestBody: { content: { "application/json": { schema: refTo(startSchema, "Start") } } },
        202: json("The run is stored.", refTo(runSchema(), "Run"), { Location: LOCATION, "X-Run-Id": X_RUN_ID }),
        400: "The inputs are not valid. `detail` names every problem.",
        404: "There is no such workflow. `detail` names the workflows that you can start.",
        409: "The workflow has no trigger `manual`.",
        413: "The body is larger than 64 KiB.",
        503: STORE_AWAY,
      }),
    },
    "/api/workflows/{name}/pause": {
      post: describe({
        about: ["pause-workflow", "workflows", "Pause a workflow"],
        description:
          "No run of it begins. New events are accepted and wait, waiting runs keep waiting, and running runs continue. A request with a GitHub token gets 503.",
        parameters: [WORKFLOW_NAME],
        200: json("The workflow is paused.", refTo(pauseSchema(), "Pause")),
        404: "There is no such workflow.",
        503: STORE_AWAY,
      }),
    },
    "/api/workflows/{name}/resume": {
      post: describe({
        about: ["resume-workflow", "workflows", "Resume a workflow"],
        parameters: [WORKFLOW_NAME],
        200: json(
          "Its pause by name has ended. With `paused`, all workflows are still paused.",
          refTo(pauseSchema(), "Pause"),
        ),
        404: "There is no such workflow.",
        503: STORE_AWAY,
      }),
    },
    "/api/pause": {
      post: describe({
        about: ["pause-all", "workflows", "Pause all workflows"],
        200: json("All workflows are paused.", refTo(pauseSchema(), "Pause")),
        503: STORE_AWAY,
      }),
    },
    "/api/resume": {
      post: describe({
        about: ["resume-all", "workflows", "Resume all workflows"],
        200: json(
          "The pause of all workflows has ended. Those in `pausedByName` stay paused.",
          refTo(pauseSchema(), "Pause"),
        ),
        503: STORE_AWAY,
      }),
    },
  };
}
