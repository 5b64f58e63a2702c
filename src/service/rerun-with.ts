import { fluxEvent } from "../http/triggers/flux.ts";
import type { AcceptEvent } from "../http/triggers/http.ts";
import { isFor } from "../model/github-trigger.ts";
import { hasCredentials } from "../model/identity.ts";
import type { Log } from "../model/log.ts";
import type { Json, Run } from "../model/run.ts";
import type { Secrets } from "../model/secrets.ts";
import type { Start } from "../model/start.ts";
import type { RunStore } from "../model/store.ts";
import { gitHubEntries, kindsOf, schemaFor, type TriggerKind } from "../model/triggers.ts";
import type { WebhookEvent } from "../model/webhooks.ts";
import type { Who } from "../model/who.ts";
import { triggerOf, type Workflow } from "../model/workflow.ts";
import { type ReadInput, readWith, tokenProblem, wrong } from "./read-input.ts";

type Parts = {
  /** The current workflows. */
  readonly workflows: () => readonly Workflow[];
  readonly accept: AcceptEvent;
  readonly store: Pick<RunStore, "get">;
  readonly secrets: Pick<Secrets, "tokenIn" | "brief">;
  /** Whether the service has a GitHub token. */
  readonly hasServiceToken: boolean;
  readonly log: Log;
};

/**
 * Starts a new run with a different input than an earlier run. The input is checked like an event of the same trigger.
 */
export function rerunningWith({ workflows, accept, store, secrets, hasServiceToken, log }: Parts) {
  return async (id: string, input: Json, who: Who): Promise<Start> => {
    const { actor } = who;
    const run = (await store.get(id))?.run;
    if (!run) return { status: "unknown", reason: `There is no run ${id}. Ended runs are kept for RETAIN_DAYS.` };
    const workflow = workflows().find(({ name }) => name === run.workflow);
    const impossible = whyNot(run, workflow);
    if (!workflow || impossible !== undefined) return { status: "notManual", reason: impossible ?? "" };
    const trigger = triggerOf(workflow, run);
    const checked = checkedInput(workflow, trigger, input, { hasServiceToken });
    if ("problems" in checked) return { status: "rejected", ...checked };
    const problem = tokenProblem(checked.input, secrets, "leave it out");
    if (problem) return { status: "rejected", problems: [problem] };
    const event = { workflow, trigger, actor, by: who, input: checked.input, rerunOf: id };
    const started = (await store.get((await accept(event, { wait: false })).run))?.run;
    if (!started) throw new Error(`the run that re-runs ${id} was stored, but the database no longer has it`);
    const { group } = started;
    log.info({ run: started.id, rerun_of: id, workflow: workflow.name, group, actor }, "run re-run with another input");
    return { status: "started", run: started };
  };
}

/** Why a run cannot be re-run with any input; undefined if it can. */
function whyNot(run: Run, workflow: Workflow | undefined): string | undefined {
  if (run.ownToken) return "The run brought its token, which is not stored: send the event again.";
  if (!workflow) return `Its workflow, ${run.workflow}, no longer exists.`;
  const trigger = triggerOf(workflow, run);
  if (kindsOf(workflow.on).includes(trigger)) return undefined;
  return `Its workflow, ${run.workflow}, no longer has the trigger ${trigger}.`;
}

/** The input for a workflow, or all of its problems. */
function checkedInput(
  workflow: Workflow,
  trigger: TriggerKind,
  input: Json,
  { hasServiceToken }: { readonly hasServiceToken: boolean },
): ReadInput {
  const { tokenField } = (trigger === "http" && workflow.on.http) || {};
  if (tokenField !== undefined && typeof input === "object" && input !== null && Object.hasOwn(input, tokenField)) {
    return {
      problems: [{ field: tokenField, message: "is a token, which is never stored: a re-run uses the service's" }],
    };
  }
  const schema = schemaFor(workflow.on, trigger);
  if (schema) {
    const read = readWith(schema, input);
    if ("problems" in read || trigger !== "http") return read;
    const hasToken = hasCredentials(workflow) || hasServiceToken;
    const rejection = workflow.on.http?.reject?.(read.data, { hasToken });
    return rejection ? wrong(rejection) : read;
  }
  if (typeof input !== "object" || input === null || Array.isArray(input)) return wrong("must be a JSON object");
  const given = input as { readonly [key: string]: Json };
  try {
    if (trigger === "flux") {
      const event = fluxEvent(given);
      const isWanted = workflow.on.flux?.filter?.(event) ?? true;
      return isWanted ? { input: event as unknown as Json } : wrong("is an event that the workflow's filter rejects");
    }
    if (trigger === "github") return checkedEvent(workflow, given);
  } catch (error) {
    return wrong((error as Error).message);
  }
  const { scheduledAt } = given;
  const isTime = typeof scheduledAt === "string" && !Number.isNaN(Date.parse(scheduledAt));
  return isTime
    ? { input: { scheduledAt } }
    : wrong('must be {"scheduledAt":"…"} with a time, such as 2026-11-24T12:00:00Z');
}

function checkedEvent(workflow: Workflow, event: { readonly [key: string]: Json }): ReadInput {
  const { name, payload, delivery = "by-hand" } = event;
  if (typeof name !== "string" || typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    return wrong('must be an event: {"name":"push","payload":{…}}');
  }
  const given = { name, delivery, payload } as unknown as WebhookEvent;
  if (gitHubEntries(workflow.on).some((entry) => isFor(entry, given))) return { input: given as unknown as Json };
  return wrong(`is an event that ${workflow.name} does not handle`);
}
