import { inputsFor, listensTo, readWorkflowFile } from "../actions/workflow-file.ts";
import type { Repository } from "../repository.ts";
import { failure, loginOf, notFound, pageOf, parseObject, type RepositoryHandler, type World } from "./reply.ts";

/** GitHub's bounds: https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event */
const MAX_EVENT_TYPE_CHARACTERS = 100;
const MAX_PAYLOAD_PROPERTIES = 10;
const MAX_PAYLOAD_BYTES = 65_535;

export const dispatch: RepositoryHandler = (repository, call, world) => {
  const body = parseObject(call.body);
  if (!body) return failure(400, "Problems parsing JSON");
  const problem = problemOf(body);
  if (problem) return failure(422, problem);
  // Observed for workflow dispatches. GitHub does not document its answer for this kind of event.
  if (repository.actionsDisabled) return failure(422, "Actions has been disabled for this repository.");
  const { event_type, client_payload = {} } = body;
  const [type, payload] = [event_type as string, client_payload as Record<string, unknown>];
  world.accept(repository, type, payload, call.token);
  const actor = loginOf(call, world);
  const event = { event: "repository_dispatch", branch: repository.defaultBranch, actor, type, payload };
  for (const { path, text } of workflowFiles(repository)) {
    if (isActive(repository, path) && listensTo(readWorkflowFile(text), type)) {
      world.actions.start(repository, path, event);
    }
  }
  return { status: 204 };
};

function problemOf({ event_type: type, client_payload: payload = {}, ...unknown }: Record<string, unknown>) {
  const invalid = (what: string) => `Invalid request.\n\n${what}`;
  if (type === undefined) return invalid(`"event_type" wasn't supplied.`);
  if (typeof type !== "string") {
    return invalid(`For 'properties/event_type', ${JSON.stringify(type)} is not a string.`);
  }
  if (type.length < 1 || type.length > MAX_EVENT_TYPE_CHARACTERS) {
    return invalid(`event_type must be 1 to ${MAX_EVENT_TYPE_CHARACTERS} characters, got ${type.length}.`);
  }
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    return invalid(`For 'properties/client_payload', ${JSON.stringify(payload)} is not an object.`);
  }
  const { length } = Object.keys(payload);
  if (length > MAX_PAYLOAD_PROPERTIES) {
    return invalid(`No more than ${MAX_PAYLOAD_PROPERTIES} properties are allowed; ${length} were supplied.`);
  }
  if (Buffer.byteLength(JSON.stringify(payload)) > MAX_PAYLOAD_BYTES) return "client_payload is too large.";
  const [extra] = Object.keys(unknown);
  return extra === undefined ? undefined : invalid(`"${extra}" is not a permitted key.`);
}

const FOLDER = ".github/workflows";

type File = { readonly path: string; readonly text: string };

/** The workflow files of a branch or tag. Of the default branch by default. */
function workflowFiles(repository: Repository, ref = repository.defaultBranch): File[] {
  return repository
    .list(FOLDER, ref)
    .filter(({ path }) => /\.ya?ml$/.test(path))
    .map(({ path, file }) => ({ path, text: file?.bytes.toString() ?? "" }));
}

const isActive = ({ workflowStates }: Repository, path: string) => (workflowStates.get(path) ?? "active") === "active";

/**
 * The workflow files of the default branch. While Actions is disabled there are none, which GitHub does not document.
 */
export const listWorkflows: RepositoryHandler = (repository, call, world) => {
  const all = repository.actionsDisabled ? [] : workflowFiles(repository);
  const { items, headers } = pageOf(all, call, world);
  const workflows = items.map((file) => workflowJson(repository, world, file));
  return { status: 200, headers, json: { total_count: all.length, workflows } };
};

/** A workflow by its id or by the name of its file. */
function workflowOf(repository: Repository, name: string, ref?: string): File | undefined {
  return workflowFiles(repository, ref).find(({ path }) => path === `${FOLDER}/${name}` || String(idOf(path)) === name);
}

export const showWorkflow: RepositoryHandler = (repository, _call, world, [name = ""]) => {
  const file = workflowOf(repository, name);
  return file ? { status: 200, json: workflowJson(repository, world, file) } : notFound;
};

export const idOf = (path: string): number => Number.parseInt(Buffer.from(path).toString("hex").slice(-8), 16);

export function workflowJson(
  { fullName, defaultBranch, workflowStates }: Repository,
  { base }: World,
  { path, text }: File,
) {
  const id = idOf(path);
  return {
    id,
    node_id: `W_${id}`,
    name: readWorkflowFile(text).name ?? path,
    path,
    state: workflowStates.get(path) ?? "active",
    created_at: "2026-01-01T00:00:00.000Z",
    updated_at: "2026-01-01T00:00:00.000Z",
    url: `${base}/repos/${fullName}/actions/workflows/${id}`,
    html_url: `https://github.com/${fullName}/blob/${defaultBranch}/${path}`,
    badge_url: `https://github.com/${fullName}/workflows/${id}/badge.svg`,
  };
}

export const showPermissions: RepositoryHandler = ({ fullName, actionsDisabled }, _call, { base }) => ({
  status: 200,
  json: actionsDisabled
    ? { enabled: false }
    : {
        enabled: true,
        allowed_actions: "all",
        selected_actions_url: `${base}/repos/${fullName}/actions/permissions/selected-actions`,
      },
});

/** GitHub's bound: https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event */
const MAX_INPUTS = 25;

/** Starts a workflow that is a file of the repository and listens to `workflow_dispatch`. */
export const startWorkflow: RepositoryHandler = (repository, call, world, [name = ""]) => {
  const { ref, inputs: given = {}, return_run_details: details } = parseObject(call.body) ?? {};
  if (typeof ref !== "string") return failure(422, `Invalid request.\n\n"ref" wasn't supplied.`);
  if (!repository.hasRef(ref)) return failure(422, `No ref found for: ${ref}`);
  const file = workflowOf(repository, name, ref);
  if (!file) return notFound;
  if (repository.actionsDisabled) return failure(422, "Actions has been disabled for this repository.");
  if (!isActive(repository, file.path)) {
    return failure(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow");
  }
  const workflow = readWorkflowFile(file.text);
  if (!workflow.on.has("workflow_dispatch")) return failure(422, "Workflow does not have 'workflow_dispatch' trigger");
  if (Object.keys(given as object).length > MAX_INPUTS) {
    return failure(422, `Invalid request.\n\nAt most ${MAX_INPUTS} inputs.`);
  }
  const inputs = inputsFor(workflow, given as Record<string, unknown>);
  if (typeof inputs === "string") return failure(422, inputs);
  const actor = loginOf(call, world);
  const branch = ref.replace(/^refs\/(heads|tags)\//, "");
  const id = world.actions.start(repository, file.path, { event: "workflow_dispatch", branch, actor, inputs });
  // An Enterprise Server cannot name the run.
  if (!details || world.base.endsWith("/api/v3")) return { status: 204 };
  const run = `${repository.fullName}/actions/runs/${id}`;
  const urls = { run_url: `${world.base}/repos/${run}`, html_url: `https://github.com/${run}` };
  return { status: 200, json: { workflow_run_id: id, ...urls } };
};
