import type { AcceptEvent } from "../http/triggers/http.ts";
import type { Log } from "../model/log.ts";
import { nearestName } from "../model/nearest-name.ts";
import type { Secrets } from "../model/secrets.ts";
import type { Start } from "../model/start.ts";
import type { RunStore } from "../model/store.ts";
import { inputsSchemaOf } from "../model/triggers.ts";
import type { Who } from "../model/who.ts";
import type { Workflow } from "../model/workflow.ts";
import { readWith, tokenProblem } from "./read-input.ts";

type Parts = {
  /** The current workflows. */
  readonly workflows: () => readonly Workflow[];
  readonly accept: AcceptEvent;
  readonly store: Pick<RunStore, "get">;
  readonly secrets: Pick<Secrets, "tokenIn" | "brief">;
  readonly log: Log;
};

/** Starts runs of workflows with the trigger `manual`, with inputs that match their schema. */
export function startingByHand({ workflows, accept, store, secrets, log }: Parts) {
  return async (name: string, inputs: unknown, who: Who): Promise<Start> => {
    const { actor } = who;
    const workflow = workflows().find((each) => each.name === name);
    if (!workflow?.on.manual) return cannotBeStarted(name, workflow !== undefined, workflows());
    const read = readWith(inputsSchemaOf(workflow.on), inputs);
    if ("problems" in read) return { status: "rejected", ...read };
    const its = `pass tokens to ${name} as variables of the service (\`env\`, \`githubToken\` or \`githubApp\`)`;
    const problem = tokenProblem(read.input, secrets, its);
    if (problem) return { status: "rejected", problems: [problem] };
    const { run } = await accept({ workflow, trigger: "manual", actor, by: who, input: read.input }, { wait: false });
    const detail = await store.get(run);
    if (!detail) throw new Error(`the run ${run} was stored, but the database no longer has it`);
    log.info({ run, workflow: name, group: detail.run.group, actor }, "run started by hand");
    return { status: "started", run: detail.run };
  };
}

function cannotBeStarted(name: string, isKnown: boolean, workflows: readonly Workflow[]): Start {
  const names = workflows.flatMap(({ name, on }) => (on.manual ? name : []));
  const others = names.length > 0 ? ` You can start: ${names.join(", ")}.` : "";
  if (isKnown) {
    const reason = `${name} cannot be started by hand: add \`manual: true\` to its \`on\`.${others}`;
    return { status: "notManual", reason };
  }
  const near = nearestName(name, names);
  const meant = near === undefined ? "" : ` Did you mean ${near}?`;
  const none = names.length === 0 ? " No workflow of this service can be started by hand." : "";
  return {
    status: "unknown",
    reason: `There is no workflow ${JSON.stringify(name)} to start.${meant}${others}${none}`,
  };
}
