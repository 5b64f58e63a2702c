import type { Context, Hono } from "hono";
import { hasCredentials } from "../../model/identity.ts";
import type { EventIdentity } from "../../model/new-run.ts";
import type { Json, Run } from "../../model/run.ts";
import { WorkflowPaused } from "../../model/run-actions.ts";
import type { Secrets } from "../../model/secrets.ts";
import type { HttpTrigger, TriggerKind } from "../../model/triggers.ts";
import type { Who } from "../../model/who.ts";
import type { Workflow } from "../../model/workflow.ts";
import { actorOf, type Guard } from "../authorize.ts";
import { readJsonObject } from "../body.ts";
import type { NotedEvents } from "../noted-events.ts";
import { checked, problem, Rejection } from "../problem.ts";
import { hideWhileAnswered } from "../rejected-requests.ts";

/** A valid event: its workflow, its input, and its GitHub token if it brought one. */
type Received = {
  readonly workflow: Workflow;
  readonly trigger: TriggerKind;
  /** Who started it: `token argocd`, `GitHub webhook`. */
  readonly actor: string;
  /** Details of the person who started it by hand. */
  readonly by?: Who;
  readonly input: Json;
  readonly token?: string | undefined;
  /** Identifies the event if its sender may deliver it more than once. */
  readonly event?: EventIdentity;
  /** The run that this one repeats with another input. */
  readonly rerunOf?: string;
};

/**
 * Starts a run for an event. Resolves when the run is stored. `outcome` resolves when the run has ended, an attempt has
 * failed, or the run starts to wait. Without `wait`, or after WAIT_SECONDS, it resolves with undefined. The run
 * continues when the caller disconnects.
 */
export type AcceptEvent = (
  event: Received,
  options: { wait: boolean },
) => Promise<{
  readonly run: string;
  /** False: the event joined a run that was already there. */
  readonly isNew: boolean;
  readonly outcome: Promise<Run | undefined>;
}>;

type HidingSecrets = Pick<Secrets, "tokenIn" | "brief">;

/** Mounts `POST {path}` for a workflow with an `http` trigger. */
export function mountHttpTrigger(
  app: Hono,
  workflow: Workflow,
  trigger: HttpTrigger<unknown>,
  {
    guard,
    accept,
    noted,
    ...service
  }: {
    guard: Guard;
    accept: AcceptEvent;
    hasServiceToken: boolean;
    secrets: HidingSecrets;
    noted: Pick<NotedEvents, "heard" | "ignored">;
  },
): void {
  app.post(trigger.path, guard("call", { workflowOf: () => workflow.name }), async (c) => {
    noted.heard({ kind: "http", name: trigger.path, actor: actorOf(c) });
    const event = await receive(c, workflow, trigger, service);
    const wait = !/(^|[,;\s])respond-async\b/i.test(c.req.header("prefer") ?? "");
    const { run, outcome } = await accept(event, { wait }).catch((error) => {
      if (error instanceof WorkflowPaused) noted.ignored(heldBack(event, trigger, error.message));
      throw error;
    });
    return answer(c, run, await outcome, trigger);
  });
}

/** The event brought a token. Tokens are never stored, so the event cannot wait until the workflow is resumed. */
function heldBack(
  { workflow, input }: Received,
  { path }: HttpTrigger<unknown>,
  answer: string,
): Parameters<NotedEvents["ignored"]>[0] {
  const { application } = (input ?? {}) as { readonly application?: Json };
  return {
    ...{ source: "http", event: path, woken: 0, answer },
    subject: typeof application === "string" ? application : undefined,
    reasons: [{ workflow: workflow.name, reason: "is paused, and the request brought a GitHub token" }],
  };
}

async function receive(
  c: Context,
  workflow: Workflow,
  trigger: HttpTrigger<unknown>,
  { hasServiceToken, secrets }: { hasServiceToken: boolean; secrets: HidingSecrets },
): Promise<Received> {
  const json = await readJsonObject(c);
  const { token, rest } = takeToken(json, trigger.tokenField, (given) => hideWhileAnswered(c, given));
  const body = checked(trigger.body, rest, "body");
  const place = secrets.tokenIn(body, token === undefined ? [] : [token]);
  if (place !== undefined)
    throw new Rejection(400, tokenProblem(secrets.brief(place, MAX_PLACE_CHARACTERS), trigger, workflow));
  const rejection = trigger.reject?.(body, {
    hasToken: token !== undefined || hasCredentials(workflow) || hasServiceToken,
  });
  if (rejection) throw new Rejection(400, rejection);
  return { workflow, trigger: "http", actor: actorOf(c), input: body as Json, token };
}

/** A name in a body can have the size of the body. */
const MAX_PLACE_CHARACTERS = 200;

/**
 * Rejects the request. An event of GitHub or Flux has its tokens masked instead, because its sender cannot act on an error.
 * Here the sender can, and masking would change what they meant.
 */
function tokenProblem(place: string, { tokenField }: HttpTrigger<unknown>, { name, githubToken }: Workflow): string {
  const where = ["body", place].filter(Boolean).join(".");
  const what = `${where} contains a token, and gh-runner stores what starts a run.`;
  return tokenField === undefined
    ? `${what} Remove it. ${name} reads its tokens from variables of the service (its \`env\`, \`githubToken\` and \`githubApp\`). To accept a caller's token, give its trigger a \`tokenField\`.`
    : `${what} Send the token as ${tokenField} in the body, which is never stored, or set the service's ${githubToken ?? "GITHUB_TOKEN"}.`;
}

/** The longest are installation tokens: `ghs_`, the App's id and a JWT, about 520 characters. */
const MAX_TOKEN_CHARACTERS = 1000;

/** Separates the caller's GitHub token from the body, which is stored, logged and passed to the workflow. */
function takeToken(
  json: Record<string, unknown>,
  field: string | undefined,
  hide: (given: string) => void,
): { token: string | undefined; rest: Record<string, unknown> } {
  if (!field) return { token: undefined, rest: json };
  const { [field]: given = null, ...rest } = json;
  if (given !== null && typeof given !== "string") throw new Rejection(400, `${field} must be a string.`);
  const token = given?.trim();
  if (token) hide(token);
  if (token?.startsWith("$")) {
    throw new Rejection(400, `${field} is an unresolved secret ($…): add that key to argocd-notifications-secret.`);
  }
  if (token?.includes("<no value>")) {
    throw new Rejection(400, `${field} is '<no value>': the notification template names a field that does not exist.`);
  }
  if (token && token.length > MAX_TOKEN_CHARACTERS) {
    throw new Rejection(
      400,
      `${field} has ${token.length} characters. No token has more than ${MAX_TOKEN_CHARACTERS}. Send only the token.`,
    );
  }
  if (token && !/^[\x21-\x7e]+$/.test(token)) {
    throw new Rejection(
      400,
      `${field} contains characters that no token has (spaces, line breaks, non-ASCII). Send only the token.`,
    );
  }
  return { token: token || undefined, rest };
}

/** The only place that turns the outcome of a run into an HTTP answer. */
function answer(c: Context, id: string, run: Run | undefined, trigger: HttpTrigger<unknown>): Response {
  const headers = { "x-run-id": run?.id ?? id };
  if (trigger.answer && (run?.status === "success" || run?.status === "skipped")) {
    const { status = 200, body } = trigger.answer(
      run.status === "success"
        ? { status: run.status, outputs: run.outputs ?? null }
        : { status: run.status, reason: run.reason ?? "" },
    );
    return json(status, body, headers);
  }
  switch (run?.status) {
    case "success":
      return json(200, { status: "success", ...asObject(run.outputs) }, headers);
    case "skipped":
      return json(200, { status: "skipped", reason: run.reason ?? "" }, headers);
    case "failure":
      return problem(c, run.http ?? 500, run.reason ?? "The run failed.", headers);
    case "cancelled":
      return problem(c, 409, run.reason ?? "The run was cancelled.", headers);
    case "queued":
      if (run.kind === "transient") return problem(c, run.http ?? 500, `${run.reason} ${nextAttempt(run)}`, headers);
  }
  const location = `/api/runs/${run?.id ?? id}`;
  return json(202, { status: "queued", run: run?.id ?? id }, { ...headers, location });
}

function nextAttempt({ id, dueAt = 0 }: Run): string {
  return `The event is stored as run ${id} and retried automatically, next at ${new Date(dueAt).toISOString()}.`;
}

function json(status: number, body: Json, headers: Readonly<Record<string, string>>): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
}

function asObject(outputs: Json | undefined): { readonly [key: string]: Json } {
  if (outputs === null || outputs === undefined) return {};
  return typeof outputs === "object" && !Array.isArray(outputs)
    ? (outputs as { readonly [key: string]: Json })
    : { outputs };
}
