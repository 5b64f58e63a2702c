import { randomUUID } from "node:crypto";
import type { Claim } from "../model/claim.ts";
import type { Runs } from "../model/context.ts";
import { PermanentFailure } from "../model/failure.ts";
import { isRunId } from "../model/history.ts";
import type { Log } from "../model/log.ts";
import { nearestName } from "../model/nearest-name.ts";
import type { NewRun } from "../model/new-run.ts";
import { problemsIn } from "../model/problems.ts";
import { isOpen, type Json, type Run } from "../model/run.ts";
import { byRun } from "../model/run-actions.ts";
import type { RunStore } from "../model/store.ts";
import { titleOf } from "../model/title.ts";
import { callSchemaOf } from "../model/triggers.ts";
import { groupOf, orderOf, type Workflow } from "../model/workflow.ts";
import type { Attempting } from "./attempting.ts";
import { type Keeping, keptJson } from "./kept.ts";
import type { StoreHealth } from "./store-health.ts";

export type RunsParts = {
  readonly store: Pick<RunStore, "list" | "get">;
  readonly keeping: Keeping;
  readonly runSecrets: readonly string[];
  readonly insist: StoreHealth["insist"];
  readonly attempting: Attempting;
  /** The current workflows. */
  readonly workflows: () => readonly Workflow[];
  /** Stores a run. Resolves with its id, or with the id of the run that the same event already started. */
  readonly startRun: (event: NewRun) => Promise<string>;
  /** The service's log, not the run's. */
  readonly log: Pick<Log, "warn">;
};

/** What a run can start and see of the service's other runs. */
export function runsOf(
  { run }: Pick<Claim, "run">,
  { store, keeping, runSecrets, insist, attempting, workflows, startRun, log }: RunsParts,
  nameOf: (given: string) => string,
): Runs {
  const follow = <Result>(what: string, work: () => Promise<Result>): Promise<Result> => {
    const call = async () => {
      attempting.begin(what);
      return work();
    };
    return attempting.calls.follow(keeping.brief(what, MAX_SHOWN), call());
  };

  return {
    start: (name, inputs, { id, name: given = "" } = {}) =>
      follow(`runs.start ${name}`, async () => {
        const workflow = callable(name, workflows());
        const input = keeping.withoutTokens(inputsOf(workflow, inputs), runSecrets);
        if (id !== undefined && !isRunId(id)) throw wrongId(name, id);
        const started: NewRun = {
          id: id ?? randomUUID(),
          workflow: name,
          group: groupOf(workflow, { trigger: "call", input }),
          title: titleOf(workflow, { trigger: "call", input }, log),
          order: orderOf(workflow),
          ...{ input, trigger: "call", actor: byRun(run.id), ownToken: false, trace: run.trace },
          // Each has a separate source, because the store remembers only the latest event of a source.
          event: { source: `${byRun(run.id)} ${id ?? nameOf(given)}`, id: "start" },
        };
        return insist(() => startRun(started));
      }),
    open: (workflow, group) => follow(`runs.open ${workflow}`, () => first(workflow, group, isOpen)),
    newest: (workflow, group) => follow(`runs.newest ${workflow}`, () => first(workflow, group, () => true)),
  };

  async function first(workflow: string, group: string, fits: (run: Pick<Run, "status">) => boolean) {
    const { runs } = await store.list({ workflow, group }, { limit: NEWEST });
    const its = runs.find(fits);
    const found = its && (await store.get(its.id))?.run;
    return found && { id: found.id, input: found.input };
  }
}

const MAX_SHOWN = 100;

/** The open run of a group is its newest, unless an older run was re-run. */
const NEWEST = 20;

function callable(name: string, workflows: readonly Workflow[]): Workflow {
  const workflow = workflows.find((each) => each.name === name);
  if (workflow?.on.call) return workflow;
  const names = workflows.flatMap(({ name, on }) => (on.call ? name : []));
  const near = nearestName(name, names);
  const others =
    names.length === 0
      ? "No workflow has the trigger `call`."
      : `Workflows with the trigger \`call\`: ${names.join(", ")}.`;
  throw notStarted(name, {
    happened: workflow ? "it has no trigger `call`" : "there is no workflow of this name",
    remedy: `${workflow ? "Add `call: true` to its `on`." : near ? `Did you mean ${near}?` : "Check the name."} ${others}`,
  });
}

function inputsOf(workflow: Workflow, given: Json): Json {
  try {
    const parsed = callSchemaOf(workflow.on).safeParse(given);
    if (parsed.success) return keptJson(parsed.data, MAX_INPUT_CHARACTERS);
    throw new Error(problemsIn(parsed.error, { whole: "inputs" }).join("; "));
  } catch (error) {
    const happened = `the inputs are not valid: ${(error as Error).message}`;
    throw notStarted(workflow.name, { happened, remedy: "Pass inputs that match the schema of its trigger `call`." });
  }
}

/** The limit of a step's result, so that results can be passed on. */
const MAX_INPUT_CHARACTERS = 1_000_000;

const wrongId = (name: string, id: string) =>
  notStarted(name, {
    happened: `the id ${JSON.stringify(id)} is not a UUID in lower case`,
    remedy: "Use a UUID in lower case, such as from crypto.randomUUID().",
  });

function notStarted(name: string, facts: { readonly happened: string; readonly remedy: string }): PermanentFailure {
  return new PermanentFailure({ tried: `starting a run of ${name}`, ...facts });
}
