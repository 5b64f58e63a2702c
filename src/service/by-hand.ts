import type { AcceptEvent } from "../http/triggers/http.ts";
import type { Log } from "../model/log.ts";
import { nearestName } from "../model/nearest-name.ts";
import type { Json } from "../model/run.ts";
import type { Secrets } from "../model/secrets.ts";
import type { Start } from "../model/start.ts";
import type { RunStore } from "../model/store.ts";
import { inputsSchemaOf, type Schema } from "../model/triggers.ts";
import type { Workflow } from "../model/workflow.ts";

type Parts = {
  /** The workflows that are current now. */
  readonly workflows: () => readonly Workflow[];
  readonly accept: AcceptEvent;
  readonly store: Pick<RunStore, "get">;
  readonly secrets: Pick<Secrets, "tokenIn" | "brief">;
  readonly log: Log;
};

/** Longer places in the inputs say nothing more. */
const MAX_PLACE_CHARACTERS = 200;

/** Starts runs for people: of workflows with the trigger `manual`, with inputs that their schema takes. */
export function startingByHand({ workflows, accept, store, secrets, log }: Parts) {
  return async (name: string, inputs: unknown, actor: string): Promise<Start> => {
    const workflow = workflows().find((each) => each.name === name);
    if (!workflow?.on.manual) return cannotBeStarted(name, workflow !== undefined, workflows());
    const parsed = readWith(inputsSchemaOf(workflow.on), inputs);
    if (!parsed.success) return { status: "rejected", problems: parsed.problems };
    const place = secrets.tokenIn(parsed.data);
    if (place !== undefined) {
      const field = secrets.brief(place, MAX_PLACE_CHARACTERS);
      const message = `holds a token, and what starts a run is written down: ${name} gets its tokens as variables of the service (its \`env\` and \`githubToken\`)`;
      return { status: "rejected", problems: [{ field, message }] };
    }
    const { run } = await accept({ workflow, trigger: "manual", actor, input: parsed.data }, { wait: false });
    const detail = await store.get(run);
    if (!detail) throw new Error(`the run ${run} is gone as soon as it was stored`);
    log.info({ run, workflow: name, group: detail.run.group, actor }, "run started by hand");
    return { status: "started", run: detail.run };
  };
}

type Read =
  | { readonly success: true; readonly data: Json }
  | { readonly success: false; readonly problems: Extract<Start, { status: "rejected" }>["problems"] };

/** A schema is the workflow's: it may throw, and give what cannot be stored. */
function readWith(schema: Schema<unknown>, given: unknown): Read {
  const wrong = (message: string): Read => ({ success: false, problems: [{ field: "", message }] });
  try {
    const parsed = schema.safeParse(given);
    if (!parsed.success) {
      const problems = parsed.error.issues.map(({ path, message }) => ({ field: path.join("."), message }));
      return { success: false, problems };
    }
    const kept = JSON.stringify(parsed.data);
    return kept === undefined ? wrong(NOT_JSON) : { success: true, data: JSON.parse(kept) as Json };
  } catch (error) {
    const { message } = error as Error;
    return wrong(`cannot be read by the workflow's schema, which throws (${message}): fix it in the workflow`);
  }
}

const NOT_JSON = "are read by the workflow's schema as something that is not JSON: fix it in the workflow";

function cannotBeStarted(name: string, isKnown: boolean, workflows: readonly Workflow[]): Start {
  const names = workflows.flatMap(({ name, on }) => (on.manual ? name : []));
  const others = names.length > 0 ? ` These can be: ${names.join(", ")}.` : "";
  if (isKnown) {
    const reason = `${name} cannot be started by hand: add \`manual: true\` to its \`on\`.${others}`;
    return { status: "notManual", reason };
  }
  const near = nearestName(name, names);
  const meant = near === undefined ? "" : ` Is ${near} meant?`;
  const none = names.length === 0 ? " None of this service can be started by hand." : "";
  return {
    status: "unknown",
    reason: `There is no workflow ${JSON.stringify(name)} to start.${meant}${others}${none}`,
  };
}
