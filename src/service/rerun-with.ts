import { fluxEvent } from "../http/triggers/flux.ts";
import { isFor } from "../http/triggers/github.ts";
import type { AcceptEvent } from "../http/triggers/http.ts";
import type { Log } from "../model/log.ts";
import type { Json, Run } from "../model/run.ts";
import type { Secrets } from "../model/secrets.ts";
import type { Start } from "../model/start.ts";
import type { RunStore } from "../model/store.ts";
import { gitHubEntries, kindsOf, schemaFor, type TriggerKind, type WebhookEvent } from "../model/triggers.ts";
import { triggerOf, type Workflow } from "../model/workflow.ts";

type Parts = {
  /** The workflows that are current now. */
  readonly workflows: () => readonly Workflow[];
  readonly accept: AcceptEvent;
  readonly store: Pick<RunStore, "get">;
  readonly secrets: Pick<Secrets, "tokenIn" | "brief">;
  /** Whether the service has a GitHub token of its own. */
  readonly hasServiceToken: boolean;
  readonly log: Log;
};

type Problems = Extract<Start, { status: "rejected" }>["problems"];

/** Longer places in an input say nothing more. */
const MAX_PLACE_CHARACTERS = 200;

/** Starts a new run with another input than an earlier one had, checked as an event of the same trigger is. */
export function rerunningWith({ workflows, accept, store, secrets, hasServiceToken, log }: Parts) {
  return async (id: string, input: Json, actor: string): Promise<Start> => {
    const run = (await store.get(id))?.run;
    if (!run) return { status: "unknown", reason: `There is no run ${id}. Ended runs are kept for RETAIN_DAYS.` };
    const workflow = workflows().find(({ name }) => name === run.workflow);
    const impossible = whyNot(run, workflow);
    if (!workflow || impossible !== undefined) return { status: "notManual", reason: impossible ?? "" };
    const trigger = triggerOf(workflow, run);
    const checked = checkedInput(workflow, trigger, input, { hasServiceToken });
    if ("problems" in checked) return { status: "rejected", problems: checked.problems };
    const place = secrets.tokenIn(checked.input);
    if (place !== undefined) {
      const field = secrets.brief(place, MAX_PLACE_CHARACTERS);
      return { status: "rejected", problems: [{ field, message: "holds a token, and an input is written down" }] };
    }
    const event = { workflow, trigger, actor, input: checked.input, rerunOf: id };
    const started = (await store.get((await accept(event, { wait: false })).run))?.run;
    if (!started) throw new Error(`the run that re-runs ${id} is gone as soon as it was stored`);
    const { group } = started;
    log.info({ run: started.id, rerun_of: id, workflow: workflow.name, group, actor }, "run re-run with another input");
    return { status: "started", run: started };
  };
}

/** Why a run cannot be re-run with any input; undefined when it can. */
function whyNot(run: Run, workflow: Workflow | undefined): string | undefined {
  if (run.ownToken) return "The run brought its token, which is not stored: send it again.";
  if (!workflow) return `Its workflow, ${run.workflow}, is not there any more.`;
  const trigger = triggerOf(workflow, run);
  if (kindsOf(workflow.on).includes(trigger)) return undefined;
  return `Its workflow, ${run.workflow}, has the trigger ${trigger} no more.`;
}

/** What a workflow would be given, or everything that is wrong with it. */
function checkedInput(
  workflow: Workflow,
  trigger: TriggerKind,
  input: Json,
  { hasServiceToken }: { readonly hasServiceToken: boolean },
): { readonly input: Json } | { readonly problems: Problems } {
  const wrong = (message: string) => ({ problems: [{ field: "", message }] });
  const schema = schemaFor(workflow.on, trigger);
  if (schema) {
    const parsed = schema.safeParse(input);
    if (!parsed.success) {
      return { problems: parsed.error.issues.map(({ path, message }) => ({ field: path.join("."), message })) };
    }
    const hasToken = workflow.githubToken !== undefined || hasServiceToken;
    const rejection = trigger === "http" ? workflow.on.http?.refuse?.(parsed.data, { hasToken }) : undefined;
    return rejection ? wrong(rejection) : { input: parsed.data as Json };
  }
  if (typeof input !== "object" || input === null || Array.isArray(input)) return wrong("must be a JSON object");
  const given = input as { readonly [key: string]: Json };
  try {
    if (trigger === "flux") {
      const event = fluxEvent(given);
      const isWanted = workflow.on.flux?.filter?.(event) ?? true;
      return isWanted
        ? { input: event as unknown as Json }
        : wrong("is an event that the workflow's filter does not want");
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

function checkedEvent(
  workflow: Workflow,
  event: { readonly [key: string]: Json },
): { readonly input: Json } | { readonly problems: Problems } {
  const { name, payload, delivery = "by-hand" } = event;
  if (typeof name !== "string" || typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    return { problems: [{ field: "", message: 'must be an event: {"name":"push","payload":{…}}' }] };
  }
  const given = { name, delivery, payload } as unknown as WebhookEvent;
  if (gitHubEntries(workflow.on).some((entry) => isFor(entry, given))) return { input: given as unknown as Json };
  return { problems: [{ field: "", message: `is an event that ${workflow.name} is not for` }] };
}
