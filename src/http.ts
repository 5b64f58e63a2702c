import { Hono, type MiddlewareHandler } from "hono";
import { authorize } from "./inbound/authorize.ts";
import { type AcceptEvent, mountHttpTrigger } from "./inbound/http-trigger.ts";
import { mountOpenApi } from "./inbound/openapi.ts";
import { problem, Refusal } from "./inbound/problem.ts";
import { mountRunsApi, type RunHistory } from "./inbound/runs-api.ts";
import type { Log } from "./log.ts";
import { StoreUnavailable } from "./model/store.ts";
import type { Workflow } from "./model/workflow.ts";
import type { Secrets } from "./secrets.ts";

export type HttpNeeds = {
  readonly workflows: readonly Workflow[];
  readonly accept: AcceptEvent;
  readonly runs: RunHistory;
  /** Rejects when events cannot be stored or runs not be worked on. */
  readonly checkReady: () => Promise<void>;
  /** In Prometheus' text format. */
  readonly metrics: () => Promise<{ readonly text: string; readonly contentType: string }>;
  /** Passed by every request before anything else. */
  readonly inbound?: MiddlewareHandler | undefined;
  readonly authTokens: readonly string[];
  /** Whether the service has a GitHub token of its own. */
  readonly hasServiceToken: boolean;
  readonly version: string;
  readonly log: Log;
  readonly secrets: Secrets;
};

/** Everything that the service answers over HTTP. */
export function httpApp(needs: HttpNeeds): Hono {
  const { workflows, accept, checkReady, authTokens, hasServiceToken, log, secrets } = needs;
  const app = new Hono();
  const guard = authorize(authTokens);
  if (needs.inbound) app.use(needs.inbound);

  app.get("/health", (c) => c.json({ status: "healthy" }));
  app.all("/health", (c) => problem(405, `${c.req.method} is not allowed here, send GET.`, { allow: "GET, HEAD" }));

  app.get("/ready", async (c) => {
    try {
      await checkReady();
      return c.json({ status: "ready" });
    } catch (error) {
      return problem(503, `Not ready: ${(error as Error).message}`, { "retry-after": "1" });
    }
  });
  app.all("/ready", (c) => problem(405, `${c.req.method} is not allowed here, send GET.`, { allow: "GET, HEAD" }));

  app.get("/metrics", guard, async (c) => {
    const { text, contentType } = await needs.metrics();
    return c.body(text, 200, { "content-type": contentType });
  });
  app.all("/metrics", (c) => problem(405, `${c.req.method} is not allowed here, send GET.`, { allow: "GET, HEAD" }));

  for (const workflow of workflows) {
    const { http } = workflow.on;
    if (http) mountHttpTrigger(app, workflow, http, { guard, accept, hasServiceToken });
  }
  mountRunsApi(app, needs.runs, guard);
  mountOpenApi(app, { workflows, version: needs.version, isGuarded: authTokens.length > 0 }, guard);

  app.notFound(() =>
    problem(
      404,
      "There is nothing at this path. POST /dispatch starts a run, GET /openapi.json tells what else there is.",
    ),
  );
  app.onError((error, c) => {
    if (error instanceof Refusal) {
      const { status, message: reason } = error;
      log.info({ path: c.req.path, status, reason }, "request refused");
      return problem(status, secrets.scrub(reason));
    }
    if (error instanceof StoreUnavailable) {
      return problem(503, "The database cannot be used at the moment, and nothing was stored: send it again.", {
        "retry-after": "1",
      });
    }
    log.error({ path: c.req.path, err: error }, "request failed");
    return problem(500, "The service met an error of its own; its log says which.");
  });
  return app;
}
