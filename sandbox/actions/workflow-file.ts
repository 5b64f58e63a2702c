import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Undefined in compose.yaml, where the stand-in has no packages. There it prints events and starts no runs. */
function yaml(): typeof import("js-yaml") | undefined {
  try {
    return require("js-yaml");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** What the stand-in reads from a workflow file. */
export type WorkflowFile = {
  readonly name: string | undefined;
  readonly runName: string | undefined;
  /** By the name of the event, with the block below it. */
  readonly on: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  readonly concurrency: { readonly group: string; readonly cancelInProgress: boolean } | undefined;
  /** Names as GitHub shows them. */
  readonly jobs: readonly string[];
};

const NOTHING: WorkflowFile = { name: undefined, runName: undefined, on: new Map(), concurrency: undefined, jobs: [] };

/** Cached by text: the same file is read for each event. */
const known = new Map<string, WorkflowFile>();
const MAX_KNOWN = 100;

/** A file that is not a workflow listens to nothing. */
export function readWorkflowFile(text: string): WorkflowFile {
  const before = known.get(text);
  if (before) return before;
  const read = parse(text);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(text, read);
  return read;
}

function parse(text: string): WorkflowFile {
  let file: unknown;
  try {
    file = yaml()?.load(text);
  } catch {
    return NOTHING;
  }
  if (!isObject(file)) return NOTHING;
  const { name, on, concurrency, jobs } = file;
  return {
    name: textOf(name),
    runName: textOf(file["run-name"]),
    on: eventsOf(on),
    concurrency: isObject(concurrency)
      ? { group: String(concurrency.group), cancelInProgress: concurrency["cancel-in-progress"] === true }
      : concurrency === undefined
        ? undefined
        : { group: String(concurrency), cancelInProgress: false },
    jobs: isObject(jobs) ? Object.entries(jobs).map(([id, job]) => textOf(isObject(job) && job.name) ?? id) : [],
  };
}

/** `on: push`, `on: [push, pull_request]`, and `on:` with a block per event are the same. */
function eventsOf(on: unknown): WorkflowFile["on"] {
  if (typeof on === "string") return new Map([[on, {}]]);
  if (Array.isArray(on)) return new Map(on.map((event) => [String(event), {}]));
  if (!isObject(on)) return new Map();
  return new Map(Object.entries(on).map(([event, below]) => [event, isObject(below) ? below : {}]));
}

/** Whether it runs for a `repository_dispatch` of this type. */
export function listensTo({ on }: WorkflowFile, eventType: string): boolean {
  const types = on.get("repository_dispatch")?.types;
  if (!on.has("repository_dispatch")) return false;
  return types === undefined || [types].flat().includes(eventType);
}

/**
 * The inputs of a `workflow_dispatch` with their defaults. A text if GitHub would reject it.
 * @see https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event
 */
export function inputsFor(
  { on }: WorkflowFile,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> | string {
  const declared = on.get("workflow_dispatch")?.inputs;
  const inputs = isObject(declared) ? declared : {};
  const unexpected = Object.keys(given).filter((name) => !Object.hasOwn(inputs, name));
  if (unexpected.length > 0) return `Unexpected inputs provided: ${JSON.stringify(unexpected)}`;
  const filled: Record<string, unknown> = {};
  for (const [name, declaration] of Object.entries(inputs)) {
    const { default: otherwise, required, type, options } = isObject(declaration) ? declaration : {};
    const value = given[name] ?? otherwise;
    if (value === undefined && required === true) return `Required input '${name}' not provided`;
    if (type === "choice" && Array.isArray(options) && value !== undefined && !options.includes(value)) {
      return `Provided value '${value}' for input '${name}' not in the list of allowed values`;
    }
    if (value !== undefined) filled[name] = value;
  }
  return filled;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}
