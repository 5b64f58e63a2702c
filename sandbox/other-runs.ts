import { randomUUID } from "node:crypto";
import type { Run } from "../src/model/run.ts";
import { byRun } from "../src/model/run-actions.ts";
import type { RunStore } from "../src/model/store.ts";
import type { Workflow } from "../src/model/workflow.ts";
import { groupOf } from "../src/model/workflow.ts";
import type { RunningApp } from "../src/service/app.ts";
import type { OpenRun, StartedOther } from "./other-run-types.ts";

/** Keeps runs of other workflows from starting, and stores the runs that should exist. */
export async function beginOthers(
  { engine: { worker }, loaded: { workflows } }: RunningApp,
  under: Workflow,
  open: readonly OpenRun[],
): Promise<void> {
  for (const { name } of workflows) if (name !== under.name) await worker.pause(name, { actor: "test", at: 0 });
  for (const { workflow: name, inputs: input, id = randomUUID() } of open) {
    const workflow = workflows.find((each) => each.name === name);
    if (!workflow) throw new Error(`There is no workflow ${name}: add it to \`others\`.`);
    const group = groupOf(workflow, { trigger: "call", input });
    const event = { id, workflow: name, group, input, trigger: "call", actor: "test", ownToken: false } as const;
    await worker.accept(event, { token: undefined, waitMs: 0 });
  }
}

/** What a run has started, the first one first. */
export async function startedBy(run: string, store: RunStore): Promise<readonly StartedOther[]> {
  const { runs } = await store.list({}, { limit: MAX_STARTED });
  const its = runs.filter(({ actor }) => actor === byRun(run)).toReversed();
  const details = await Promise.all(its.map(({ id }) => store.get(id)));
  return details.flatMap((detail) => (detail ? [startedOther(detail.run)] : []));
}

function startedOther({ workflow, id, input: inputs, title }: Run): StartedOther {
  return { workflow, id, inputs, ...(title !== undefined && { title }) };
}

const MAX_STARTED = 100;
