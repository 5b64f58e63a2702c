import { FAILSAFE_SCHEMA, loadAll } from "js-yaml";
import { type Check, ok, problem } from "../../model/check.ts";
import { jsonOf } from "../answer.ts";
import { ownerAndName } from "../files.ts";
import type { Inspection } from "../open-github.ts";
import { type Checked, found } from "./checked.ts";

/** The permission that the target's other requests are made with, so that an App needs no further token. */
const PERMISSION = "Contents: write";

type WorkflowFile = { readonly path: string; readonly types: "all" | "unreadable" | readonly string[] };

/**
 * Whether a workflow on the target's default branch, the only one that counts, listens to our event. GitHub takes events
 * that nobody listens to, and says nothing.
 */
export function checkWorkflow(
  { github, eventType }: Checked,
  repository: string,
  { fullName, defaultBranch }: { readonly fullName: string; readonly defaultBranch: string },
): Promise<readonly Check[]> {
  const name = "workflow";
  return found(name, async () => {
    const files = await workflowFiles(github, repository);
    const listening = files.filter(({ types }) => types === "all" || types.includes(eventType));
    const [first] = listening;
    if (!first) {
      const others = files.flatMap(otherwise).join("; ");
      const remedy = `Add to a workflow there: on: { repository_dispatch: { types: [${eventType}] } }, or set EVENT_TYPE to what is listened to.`;
      const nothing = `no workflow on ${defaultBranch} of ${fullName} listens to ${eventType}`;
      return [problem(name, others ? `${nothing}: ${others}` : nothing, remedy)];
    }
    const states = await statesOf(github, repository);
    const active = listening.filter(({ path }) => (states?.get(path) ?? "active") === "active");
    const listens = (which: readonly WorkflowFile[]) =>
      `${which.map(({ path }) => path).join(", ")} listens to ${eventType}`;
    if (states?.size === 0) {
      const disabled = `${listens(listening)}, but GitHub knows no workflow of ${fullName}: Actions is disabled`;
      return [problem(name, disabled, "Enable Actions in the repository's settings, under Actions.")];
    }
    if (active.length > 0) return [ok(name, listens(active))];
    const remedy = `Enable it: gh workflow enable ${first.path.split("/").at(-1)} -R ${fullName}`;
    return [problem(name, `${listens(listening)}, but is disabled (${states?.get(first.path)})`, remedy)];
  });
}

/** What a file that does not listen to our event is instead. */
function otherwise({ path, types }: WorkflowFile): readonly string[] {
  if (types === "unreadable") return [`${path} is not valid YAML`];
  return types === "all" || types.length === 0 ? [] : [`${path} listens to ${types.join(", ")}`];
}

async function workflowFiles({ ask }: Inspection, repository: string): Promise<WorkflowFile[]> {
  const read = (path: string, accept: string) =>
    ask(
      { tried: `reading ${path} in ${repository}`, repository, permission: PERMISSION },
      "GET /repos/{owner}/{repo}/contents/{path}",
      { ...ownerAndName(repository), path, headers: { accept } },
      [200, 404],
    );
  const folder = await read(".github/workflows", "application/vnd.github+json");
  const entries = folder.status === 200 ? Object.values(jsonOf(folder) as readonly { path?: unknown }[]) : [];
  const paths = entries.flatMap(({ path }) => (typeof path === "string" && /\.ya?ml$/.test(path) ? [path] : []));
  return Promise.all(
    paths.map(async (path) => {
      const { bytes } = await read(path, "application/vnd.github.raw+json");
      return { path, types: dispatchTypesOf(new TextDecoder().decode(bytes)) };
    }),
  );
}

/**
 * The types of `repository_dispatch` that a workflow file listens to; "all" when it names none; empty when it does not
 * listen to the event. With the failsafe schema `on` is no boolean.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#repository_dispatch
 */
export function dispatchTypesOf(yaml: string): WorkflowFile["types"] {
  let file: unknown;
  try {
    [file] = loadAll(yaml, { schema: FAILSAFE_SCHEMA });
  } catch {
    return "unreadable";
  }
  const events = isMapping(file) ? file.on : undefined;
  if (events === EVENT || (Array.isArray(events) && events.includes(EVENT))) return "all";
  if (!isMapping(events) || !(EVENT in events)) return [];
  const event = events[EVENT];
  const types = isMapping(event) ? event.types : undefined;
  if (typeof types === "string" && types !== "") return [types];
  return Array.isArray(types) ? types.filter((type) => typeof type === "string") : "all";
}

const EVENT = "repository_dispatch";

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What GitHub says of each workflow, by the path of its file; undefined when the token may not read that. */
async function statesOf({ ask }: Inspection, repository: string): Promise<Map<string, string> | undefined> {
  try {
    const answer = await ask(
      { tried: `listing the workflows of ${repository}`, repository, permission: "Actions: read" },
      "GET /repos/{owner}/{repo}/actions/workflows",
      { ...ownerAndName(repository), per_page: 100 },
      [200],
    );
    const { workflows = [] } = jsonOf(answer) as { workflows?: readonly { path?: unknown; state?: unknown }[] };
    return new Map(workflows.map(({ path, state }) => [String(path), String(state)]));
  } catch {
    // It needs a permission that nothing else here does.
    return undefined;
  }
}
