import { type Check, ok, problem, warning } from "../../model/check.ts";
import { isFailure } from "../../model/failure.ts";
import type { StartedRun } from "../../model/github.ts";
import {
  listensTo,
  showKey,
  showsKey,
  type WorkflowFile,
  workflowFiles,
  workflowStates,
} from "../actions/workflow-files.ts";
import type { Inspection } from "../open-github.ts";
import { type RepositoryFacts, repositoryFacts } from "../repository-facts.ts";
import { type Checked, found } from "./checked.ts";

/** The permission of the target's other requests, so that an App needs no additional token. */
const PERMISSION = "Contents: write";

/**
 * Checks that a workflow on the target's default branch handles what the service sends. Other branches do not count.
 * With FOLLOW it also checks that run names show which event started them. GitHub accepts events without any listener,
 * silently.
 */
export function checkWorkflow(
  { github, eventType, targetWorkflow, follow }: Looked,
  repository: string,
  { fullName, defaultBranch }: Pick<RepositoryFacts, "fullName" | "defaultBranch">,
): Promise<readonly Check[]> {
  return found(NAME, async () => {
    const files = await workflowFiles(github.ask, repository, PERMISSION);
    const start = targetWorkflow === undefined ? byEvent(eventType) : byName(targetWorkflow);
    const starting = files.filter(start.isStarted);
    const [first] = starting;
    if (!first) {
      const others = start.others(files);
      const nothing = `no workflow on ${defaultBranch} of ${fullName} ${start.does}`;
      return [problem(NAME, others ? `${nothing}: ${others}` : nothing, start.remedy)];
    }
    const states = await statesOf(github, repository);
    const active = starting.filter(({ path }) => (states?.get(path) ?? "active") === "active");
    const says = (which: readonly WorkflowFile[]) => `${which.map(({ path }) => path).join(", ")} ${start.does}`;
    if (states?.size === 0) {
      const disabled = `${says(starting)}, but GitHub knows no workflow of ${fullName}: Actions is disabled`;
      return [problem(NAME, disabled, "Enable Actions in the repository's settings, under Actions.")];
    }
    if (active.length === 0) {
      const remedy = `Enable it: gh workflow enable ${first.path.split("/").at(-1)} -R ${fullName}`;
      return [problem(NAME, `${says(starting)}, but is disabled (${states?.get(first.path)})`, remedy)];
    }
    const rejected = active.flatMap((file) => start.rejects(file));
    if (rejected.length > 0) return rejected;
    return [ok(NAME, says(active)), ...(follow.length > 0 ? checkRunNames(active, start.event) : [])];
  });
}

/** The same check for a repository about which nothing is known yet. */
export function checkTargetWorkflow(checked: Looked, repository: string): Promise<readonly Check[]> {
  return found(NAME, async () =>
    checkWorkflow(checked, repository, await repositoryFacts(checked.github.ask, repository, PERMISSION)),
  );
}

type Looked = Pick<Checked, "github" | "eventType" | "targetWorkflow" | "follow">;

const NAME = "workflow";

/** How the target's workflow is started. */
type Start = {
  readonly event: StartedRun["event"];
  readonly isStarted: (file: WorkflowFile) => boolean;
  /** What a workflow does if it is started this way. */
  readonly does: string;
  readonly others: (files: readonly WorkflowFile[]) => string;
  readonly remedy: string;
  /** Why a workflow would reject what is sent. */
  readonly rejects: (file: WorkflowFile) => readonly Check[];
};

function byEvent(eventType: string): Start {
  return {
    event: "repository_dispatch",
    isStarted: (file) => listensTo(file, eventType),
    does: `listens to ${eventType}`,
    others: (files) => files.flatMap(otherwise).join("; "),
    remedy: `Add to a workflow there: on: { repository_dispatch: { types: [${eventType}] } }, or set EVENT_TYPE to a type that a workflow listens to.`,
    rejects: () => [],
  };
}

/** The inputs that the service sends to any workflow. */
const INPUTS = ["commitHash", "sourceName"];

/** @param targetWorkflow the value of the setting. */
function byName(targetWorkflow: string): Start {
  const [workflow = ""] = targetWorkflow.split("@");
  const isIt = ({ path }: WorkflowFile) => path.split("/").at(-1) === workflow;
  return {
    event: "workflow_dispatch",
    isStarted: (file) => isIt(file) && file.inputs !== undefined,
    does: `is ${workflow} and can be started (workflow_dispatch)`,
    others: (files) => files.filter(isIt).map(({ path }) => `${path} is not started by workflow_dispatch`)[0] ?? "",
    remedy: "Add on: workflow_dispatch to it there, or correct TARGET_WORKFLOW.",
    rejects({ path, inputs = [] }) {
      const missing = INPUTS.filter((input) => !inputs.includes(input));
      if (missing.length === 0) return [];
      const message = `${path} has no input ${missing.join(" and ")}, and GitHub rejects inputs that a workflow does not have`;
      return [
        problem(NAME, message, `Add to it: ${missing.map((input) => `${input}: { required: true }`).join(", ")}.`),
      ];
    },
  };
}

/**
 * Whether runs can be distinguished. If several workflows start, there are several runs, and gh-runner follows only one.
 */
function checkRunNames(active: readonly WorkflowFile[], event: StartedRun["event"]): readonly Check[] {
  const name = "run name";
  const paths = active.map(({ path }) => path).join(" and ");
  const hidden = active.filter((file) => !showsKey(file, event)).map(({ path }) => path);
  if (hidden.length > 0) {
    const message = `${hidden.join(" and ")} shows no key in its run names, so gh-runner finds a run by its time alone`;
    return [warning(name, message, showKey(event))];
  }
  if (active.length === 1) return [ok(name, `${paths} shows the key that identifies a run`)];
  const remedy = "Let one workflow listen to the event, and start the others from it.";
  return [warning(name, `${paths} start together, but gh-runner follows only the first run of an event`, remedy)];
}

/** What a file does if it does not listen to the event. */
function otherwise({ path, types }: WorkflowFile): readonly string[] {
  if (types === "unreadable") return [`${path} is not valid YAML`];
  return types === "all" || types.length === 0 ? [] : [`${path} listens to ${types.join(", ")}`];
}

/** Undefined if the token cannot read it: it needs a permission that nothing else here needs. */
async function statesOf({ ask }: Inspection, repository: string): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    return await workflowStates(ask, repository);
  } catch (error) {
    if (!isFailure(error)) throw error;
    return undefined;
  }
}
