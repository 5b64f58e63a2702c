import { type Context, type Handler, Hono, type MiddlewareHandler } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import type { Access, CallerToken } from "../model/access.ts";
import type { Clock } from "../model/clock.ts";
import type { Credential } from "../model/credential.ts";
import type { Log } from "../model/log.ts";
import type { Outage } from "../model/outage.ts";
import type { RejectedRequest } from "../model/overview.ts";
import { madeOf, type Renewable } from "../model/renewable.ts";
import { withAccess } from "../model/route-access.ts";
import { WorkflowPaused } from "../model/run-actions.ts";
import type { Secrets } from "../model/secrets.ts";
import { type StoreTrouble, StoreUnavailable } from "../model/store.ts";
import { pathsOf } from "../model/triggers.ts";
import { GITHUB_WEBHOOK_PATH } from "../model/webhooks.ts";
import type { Answers } from "../model/why/facts.ts";
import type { Workflow } from "../model/workflow.ts";
import type { FindFacts } from "../model/workflow-facts.ts";
import type { BrokenFile } from "../model/workflow-file.ts";
import { type AuditHistory, mountAuditApi } from "./audit-api.ts";
import { type AuditNotes, rejectionOf } from "./audit-notes.ts";
import {
  addressOf,
  apiAnswers,
  type FailedAuthentication,
  type Guard,
  guardWith,
  principalOf,
  rejectCrossSite,
  senderOf,
  sessionCookie,
} from "./authorize.ts";
import { type BulkActions, mountBulkApi } from "./bulk-api.ts";
import { type AnswerCallback, mountCallbacks, withoutSecret } from "./callbacks.ts";
import { mountEventsApi } from "./events-api.ts";
import { mountMeApi } from "./me-api.ts";
import type { NotedEvents } from "./noted-events.ts";
import { mountOpenApi } from "./openapi.ts";
import { mountOutageApi } from "./outage-api.ts";
import { mountPausesApi, type Pauses } from "./pauses-api.ts";
import { type ListPreviews, mountPreviewsApi } from "./previews-api.ts";
import { problem, REASON, Rejection } from "./problem.ts";
import { type PublicAddress, publicAddress } from "./public-address.ts";
import { noteRejected } from "./rejected-requests.ts";
import { mountRunLogApi } from "./run-log-api.ts";
import { mountRunsApi, type RunHistory } from "./runs-api.ts";
import { mountFluxTrigger } from "./triggers/flux.ts";
import { mountGitHubWebhooks, type WakeRuns } from "./triggers/github.ts";
import { type AcceptEvent, mountHttpTrigger } from "./triggers/http.ts";
import { mountWorkflowsApi, type StartByHand } from "./workflows-api.ts";

/** What the routes call. */
type Engine = {
  readonly accept: AcceptEvent;
  readonly wake: WakeRuns;
  readonly runs: RunHistory;
  readonly previews: ListPreviews;
  readonly answers: Answers;
  readonly startByHand: StartByHand;
  readonly answerCallback: AnswerCallback;
  readonly pauses: Pauses;
  readonly bulk: BulkActions;
  readonly audit: AuditHistory;
  /** The file of each workflow. */
  readonly fileOf: ReadonlyMap<string, string>;
  readonly facts: FindFacts;
  /** Files without a working workflow. */
  readonly broken: readonly BrokenFile[];
  readonly outdated: readonly BrokenFile[];
  /** Rejects when the service cannot store events or execute runs. */
  readonly checkReady: () => Promise<void>;
  /** Why the last event could not be stored. Undefined if it could. */
  readonly storeTrouble: () => StoreTrouble | undefined;
  /** GitHub's outage, or undefined. */
  readonly outage: () => Promise<Outage | undefined>;
  /** In Prometheus' text format. */
  readonly metrics: () => Promise<{ readonly text: string; readonly contentType: string }>;
};

/** Any of several values is valid. The values may change while the service runs, but not whether there are any. */
type Secret = Renewable<readonly string[]>;

/** The credentials that callers need. */
type Auth = {
  readonly access: Access;
  /** GitHub signs its webhooks with any of these. Without one, there is no route for webhooks. */
  readonly webhookSecrets: Secret;
  /** Flux's keys, for workflows that name no key. */
  readonly fluxKeys: Secret;
  /** The secrets in a variable that a trigger names. */
  readonly secretsOf: (name: string) => Secret;
  /** Whether the service has a GitHub token. */
  readonly hasServiceToken: boolean;
};

/** Records of requests. */
type Notes = {
  /** Called for every request without a valid credential. */
  readonly failedAuthentication: (facts: { credential: Credential; path: string; address: string }) => void;
  /** Called for every other request that was rejected on purpose. */
  readonly rejected: (facts: { path: string; status: number; reason: string; address: string }) => void;
  /** Records the sources of valid events, and the valid events that started no run. */
  readonly events: Pick<NotedEvents, "heard" | "ignored">;
  /** Called for every request to a trigger that started no run. */
  readonly noRun: (request: RejectedRequest) => void;
  readonly audit: Pick<AuditNotes, "rejected">;
  readonly log: Log;
  readonly secrets: Secrets;
};

/** The service as browsers see it. */
type Site = {
  readonly version: string;
  readonly clock: Pick<Clock, "now">;
  /** PUBLIC_URL, if set. */
  readonly publicUrl: string | undefined;
  /** Every request passes this first. */
  readonly inbound?: MiddlewareHandler | undefined;
  /** Mounts the pages. Undefined: there are none. */
  readonly mountPages?: MountPages | undefined;
};

export type MountPages = (app: Hono, entrance: Entrance) => void;

/** What the pages share with the API: how to find a request's address and its sender. */
type Entrance = {
  readonly address: PublicAddress;
  readonly addressOf: typeof addressOf;
  readonly access: Access;
  /** Creates the guard of the pages, which has other answers than the API's. */
  readonly guardWith: (answers: Parameters<typeof guardWith>[2]) => Guard;
  readonly principalOf: typeof principalOf;
  readonly session: ReturnType<typeof sessionCookie>;
  readonly failedAuthentication: FailedAuthentication;
  /** Records a request that a page rejects. */
  readonly rejected: (c: Context, status: number, reason: string) => void;
};

/** The log does not need longer paths. */
const MAX_PATH_CHARACTERS = 200;

/** Sets headers: browsers must not guess the type of an answer, or cache it unless it allows that. Records rejected requests. */
function afterEach(rejected: (c: Context) => void): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const { headers, status } = c.res;
    headers.set("x-content-type-options", "nosniff");
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
    if (status === 401 || status === 403 || status === 429 || c.get("credential") !== undefined || c.get("hidden"))
      rejected(c);
  };
}

declare module "hono" {
  interface ContextVariableMap {
    /** The kind of credential that was not valid. */
    credential: Credential;
  }
}

/** All routes of the service. */
export function httpApp(workflows: readonly Workflow[], engine: Engine, auth: Auth, notes: Notes, site: Site): Hono {
  const { secrets } = notes;
  const { publicUrl, version, clock } = site;
  const address = publicAddress(publicUrl);
  const app = new Hono({ getPath: address.getPath });
  const failed: FailedAuthentication = (c, credential) => {
    c.set("credential", credential);
    notes.failedAuthentication({ credential, path: pathOf(c, secrets), ...senderOf(c, secrets.scrub) });
  };
  const names = workflows.map(({ name }) => name);
  const { access } = auth;
  const session = sessionCookie(address.origin);
  const answers = apiAnswers(failed);
  const guard = guardWith(access.identify, session.in, answers);
  const guardBy = (tokens: () => readonly CallerToken[]) => guardWith(access.identifyWith(tokens), session.in, answers);

  const api = new Hono();
  mountStatus(api, engine, guard);
  mountTriggers(api, workflows, engine, auth, { guard, guardBy, failed, secrets, noted: notes.events });
  mountWorkflowsApi(api, { ...engine, guard });
  mountMeApi(api, guard);
  mountOutageApi(api, { outage: engine.outage, guard });
  mountPausesApi(api, { pauses: engine.pauses, workflows: workflows.map(({ name }) => name), guard });
  const there = { runs: engine.runs, workflows: workflows.map(({ name }) => name) };
  mountBulkApi(api, { bulk: engine.bulk, ...there, guard, clock });
  mountRunsApi(api, { ...there, guard, clock });
  mountPreviewsApi(api, { previews: engine.previews, guard });
  mountEventsApi(api, { ...engine.answers, guard });
  mountAuditApi(api, { audit: engine.audit, guard, clock });
  mountRunLogApi(api, { runs: engine.runs, guard });
  mountOpenApi(api, { workflows, version, isGuarded: !access.isOpen, publicUrl }, guard);

  if (site.inbound) app.use(site.inbound);
  app.use(afterEach((c) => notes.audit.rejected(rejectionOf(c, pathOf(c, secrets), names))));
  app.use(address.underPrefix);
  for (const path of triggerPaths(workflows, auth.webhookSecrets.now().length > 0))
    app.use(path, noteRejected(notes.noRun, secrets));
  app.use(rejectCrossSite(address.origin));
  app.use(methodNotAllowed({ app: api, onMethodNotAllowed: (c, allowed) => answerMethod(c, allowed, workflows) }));
  app.route("/", api);
  mountCallbacks(app, engine.answerCallback);
  site.mountPages?.(app, {
    address,
    addressOf,
    access,
    guardWith: (pageAnswers) => guardWith(access.identify, session.in, pageAnswers),
    principalOf,
    session,
    failedAuthentication: failed,
    rejected(c, status, reason) {
      c.set(REASON, reason);
      notes.rejected({ path: pathOf(c, secrets), status, reason, ...senderOf(c, secrets.scrub) });
    },
  });
  app.notFound((c) =>
    problem(c, 404, "There is nothing at this path. POST /dispatch starts a run. GET /openapi.json lists all paths."),
  );
  app.onError((error, c) => answerError(c, error, notes));
  return app;
}

function pathOf(c: Context, secrets: Secrets): string {
  return secrets.scrub(withoutSecret(c.req.path)).slice(0, MAX_PATH_CHARACTERS);
}

function answerError(c: Context, error: Error, { rejected, log, secrets }: Notes): Response {
  if (error instanceof Rejection) {
    const { status, headers, more } = error;
    const reason = secrets.scrub(error.message);
    if (status !== 401) rejected({ path: pathOf(c, secrets), status, reason, ...senderOf(c, secrets.scrub) });
    return problem(c, status, reason, headers, secrets.scrubAll(more) as typeof more);
  }
  if (error instanceof StoreUnavailable) {
    const detail = "The database is not available at the moment. Nothing was stored: send it again.";
    return problem(c, 503, detail, { "retry-after": "1" });
  }
  if (error instanceof WorkflowPaused) return problem(c, 503, error.message, { "retry-after": "60" });
  log.error({ path: pathOf(c, secrets), err: error }, "request failed");
  return problem(c, 500, "Internal error. The service's log has the details.");
}

function mountTriggers(
  api: Hono,
  workflows: readonly Workflow[],
  { accept, wake }: Pick<Engine, "accept" | "wake">,
  { webhookSecrets, fluxKeys, secretsOf, hasServiceToken }: Auth,
  {
    guard,
    guardBy,
    failed,
    secrets,
    noted,
  }: {
    guard: Guard;
    guardBy: (tokens: () => readonly CallerToken[]) => Guard;
    failed: FailedAuthentication;
    secrets: Secrets;
    noted: Notes["events"];
  },
): void {
  for (const workflow of workflows) {
    const { http, flux } = workflow.on;
    if (http) {
      const its = http.token === undefined ? guard : guardBy(tokensOf(workflow.name, http.token, secretsOf));
      mountHttpTrigger(api, workflow, http, { guard: its, accept, hasServiceToken, secrets, noted });
    }
    if (flux) {
      const keys = flux.key === undefined ? fluxKeys : secretsOf(flux.key);
      mountFluxTrigger(api, workflow, flux, { keys, guard, failed, accept, noted });
    }
  }
  if (webhookSecrets.now().length > 0)
    mountGitHubWebhooks(api, { workflows, secrets: webhookSecrets, failed, accept, wake, ...noted });
}

/** The tokens of a workflow whose trigger names a variable for them. */
function tokensOf(workflow: string, variable: string, secretsOf: Auth["secretsOf"]): () => readonly CallerToken[] {
  const its = { actor: `token of ${variable}`, grants: [{ role: "caller", workflows: [workflow] }] } as const;
  return madeOf(secretsOf(variable).now, (secrets) => secrets.map((text) => ({ text, ...its })));
}

/** Mounts the routes for monitoring. */
function mountStatus(api: Hono, { checkReady, storeTrouble, metrics }: Engine, guard: Guard): void {
  const open = { open: "it says only whether the service works" } as const;
  const health: Handler = (c) => c.json({ status: "healthy" });
  api.get("/health", withAccess(open, health));

  // Anyone may ask, and each check writes to the database. So requests during a check share its answer.
  let looking: Promise<void> | undefined;
  const ready: Handler = async (c) => {
    looking ??= checkReady().finally(() => {
      looking = undefined;
    });
    try {
      await looking;
      // With a full disk, PostgreSQL still accepts writes that need no new space, such as this check. The answer stays 200: other
      // replicas use the same database.
      const trouble = storeTrouble();
      return c.json({ status: "ready", ...(trouble && { trouble }) });
    } catch (error) {
      return problem(c, 503, `Not ready: ${(error as Error).message}`, { "retry-after": "1" });
    }
  };
  api.get("/ready", withAccess(open, ready));

  api.get("/metrics", guard("read-all"), async (c) => {
    const { text, contentType } = await metrics();
    return c.body(text, 200, { "content-type": contentType });
  });
}

function triggerPaths(workflows: readonly Workflow[], hasWebhooks: boolean): ReadonlySet<string> {
  const paths = workflows.flatMap(({ on }) => pathsOf(on).map(([path]) => path));
  return new Set([...paths, ...(hasWebhooks ? [GITHUB_WEBHOOK_PATH] : [])]);
}

/** The answer to a wrong method. Some callers use one for a known reason; the workflow's `methodHint` explains it. */
function answerMethod(c: Context, allowed: readonly string[], workflows: readonly Workflow[]): Response {
  const hint = workflows.find(({ on }) => on.http?.path === c.req.path)?.on.http?.methodHint;
  const send = allowed.filter((method) => method !== "HEAD").join(" or ");
  const detail = [`${c.req.method} is not allowed here. Send ${send}.`, hint].filter(Boolean).join(" ");
  return problem(c, 405, detail, { allow: allowed.join(", ") });
}
