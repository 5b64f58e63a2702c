import type { StartedRun } from "../../model/github.ts";
import { ownerAndName } from "../../model/github-names.ts";
import { jsonOf } from "../answer.ts";
import type { Ask } from "../ask.ts";
import { listIn } from "../failures.ts";

/** The triggers and run names in a workflow file of the default branch. Files of other branches do not count. */
export type WorkflowFile = {
  readonly path: string;
  /**
   * The types of `repository_dispatch` it listens to. "all" if it names none, empty if it does not listen to the event,
   * "unreadable" if the file is not valid YAML.
   */
  readonly types: "all" | "unreadable" | readonly string[];
  /** The names of the inputs of `workflow_dispatch`. Undefined if `workflow_dispatch` cannot start it. */
  readonly inputs: readonly string[] | undefined;
  readonly runName: string | undefined;
};

/** @param permission a permission that the asker already has, so that an App needs no additional token. */
export async function workflowFiles(ask: Ask, repository: string, permission: string): Promise<WorkflowFile[]> {
  const read = (path: string, accept: string) =>
    ask(
      { tried: `reading ${path} in ${repository}`, repository, permission },
      "GET /repos/{owner}/{repo}/contents/{path}",
      { ...ownerAndName(repository), path, headers: { accept } },
      [200, 404],
    );
  const folder = await read(".github/workflows", "application/vnd.github+json");
  // For a file of that name, GitHub answers with an object instead of a list.
  const entries: readonly unknown[] = folder.status === 200 ? Object.values(jsonOf(folder)) : [];
  const paths = entries.flatMap((entry) =>
    isMapping(entry) && typeof entry.path === "string" && /\.ya?ml$/.test(entry.path) ? [entry.path] : [],
  );
  return Promise.all(
    paths.map(async (path) => {
      const { bytes } = await read(path, "application/vnd.github.raw+json");
      return workflowFile(path, new TextDecoder().decode(bytes));
    }),
  );
}

/**
 * The failsafe schema keeps `on` a string. Other schemas read it as a boolean.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#repository_dispatch
 */
export async function workflowFile(path: string, yaml: string): Promise<WorkflowFile> {
  const { FAILSAFE_SCHEMA, loadAll } = await import("js-yaml");
  let file: unknown;
  try {
    [file] = loadAll(yaml, { schema: FAILSAFE_SCHEMA });
  } catch {
    return { path, types: "unreadable", inputs: undefined, runName: undefined };
  }
  const { on, "run-name": runName } = isMapping(file) ? file : {};
  return {
    path,
    types: typesIn(on),
    inputs: inputsIn(on),
    runName: typeof runName === "string" ? runName : undefined,
  };
}

/** Whether a workflow listens to an event of this type. */
export function listensTo({ types }: WorkflowFile, eventType: string): boolean {
  return types === "all" || types.includes(eventType);
}

function typesIn(events: unknown): "all" | readonly string[] {
  if (!listens(events, "repository_dispatch")) return [];
  const event = isMapping(events) ? events.repository_dispatch : undefined;
  const types = isMapping(event) ? event.types : undefined;
  if (typeof types === "string" && types !== "") return [types];
  return Array.isArray(types) ? types.filter((type) => typeof type === "string") : "all";
}

function inputsIn(events: unknown): readonly string[] | undefined {
  if (!listens(events, "workflow_dispatch")) return undefined;
  const event = isMapping(events) ? events.workflow_dispatch : undefined;
  return isMapping(event) && isMapping(event.inputs) ? Object.keys(event.inputs) : [];
}

function listens(events: unknown, event: string): boolean {
  return isMapping(events) ? event in events : events === event || (Array.isArray(events) && events.includes(event));
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether its run names show the key of the event that started them. */
export function showsKey({ runName = "" }: WorkflowFile, event: StartedRun["event"]): boolean {
  const expressions = [...runName.matchAll(/\$\{\{(.*?)\}\}/gs)].map(([, expression = ""]) => expression);
  return expressions.some((expression) => KEY[event].test(expression));
}

const KEY: Readonly<Record<StartedRun["event"], RegExp>> = {
  repository_dispatch: /\bgithub\.event\.client_payload\s*(?:\.\s*run(?![\w-])|\[\s*'run'\s*\])/i,
  workflow_dispatch: /\binputs\s*(?:\.\s*run(?![\w-])|\[\s*'run'\s*\])/i,
};

/** How a workflow can show the key, as a sentence. */
export function showKey(event: StartedRun["event"]): string {
  return event === "repository_dispatch"
    ? `Show the key in the name of the workflow's runs: run-name: Tests ${inBraces("github.event.client_payload.run")}.`
    : `Give the workflow an input named run, and show it: run-name: Tests ${inBraces("inputs.run")}.`;
}

function inBraces(value: string): string {
  return `\${{ ${value} }}`;
}

/**
 * The state of each workflow as GitHub reports it, by the path of its file: `active`, `disabled_manually`, … Empty
 * while Actions is disabled.
 */
export async function workflowStates(ask: Ask, repository: string): Promise<ReadonlyMap<string, string>> {
  const attempted = { tried: `listing the workflows of ${repository}`, repository, permission: "Actions: read" };
  const answer = await ask(
    attempted,
    "GET /repos/{owner}/{repo}/actions/workflows",
    { ...ownerAndName(repository), per_page: 100 },
    [200],
  );
  const workflows = listIn(attempted, answer, "workflows");
  return new Map(workflows.map(({ path, state }) => [String(path), String(state)]));
}
