import { Hono } from "hono";
import { authorize } from "./inbound/authorize.ts";
import { mountHttpTrigger, type RunEvent } from "./inbound/http-trigger.ts";
import { problem, Refusal } from "./inbound/problem.ts";
import type { Log } from "./log.ts";
import type { Workflow } from "./model/workflow.ts";
import type { Secrets } from "./secrets.ts";

export type HttpNeeds = {
  readonly workflows: readonly Workflow[];
  readonly run: RunEvent;
  readonly authTokens: readonly string[];
  /** Whether the service has a GitHub token of its own. */
  readonly hasServiceToken: boolean;
  readonly log: Log;
  readonly secrets: Secrets;
};

/** Everything that the service answers over HTTP. */
export function httpApp({ workflows, run, authTokens, hasServiceToken, log, secrets }: HttpNeeds): Hono {
  const app = new Hono();
  const guard = authorize(authTokens);

  app.get("/health", (c) => c.json({ status: "healthy" }));
  app.all("/health", (c) => problem(405, `${c.req.method} is not allowed here, send GET.`, { allow: "GET, HEAD" }));

  for (const workflow of workflows) {
    const { http } = workflow.on;
    if (http) mountHttpTrigger(app, workflow, http, { guard, run, hasServiceToken });
  }

  app.notFound(() =>
    problem(404, "There is nothing at this path. POST /dispatch starts a run, GET /health tells health."),
  );
  app.onError((error, c) => {
    if (error instanceof Refusal) {
      const { status, message: reason } = error;
      log.info({ path: c.req.path, status, reason }, "request refused");
      return problem(status, secrets.scrub(reason));
    }
    log.error({ path: c.req.path, err: error }, "request failed");
    return problem(500, "The service met an error of its own; its log says which.");
  });
  return app;
}
