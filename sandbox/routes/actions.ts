import type { Repository } from "../repository.ts";
import { failure, pageOf, parseObject, type RepositoryHandler, type World } from "./reply.ts";

/** GitHub's bounds: https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event */
const MAX_EVENT_TYPE_CHARACTERS = 100;
const MAX_PAYLOAD_PROPERTIES = 10;
const MAX_PAYLOAD_BYTES = 65_535;

export const dispatch: RepositoryHandler = (repository, call, world) => {
  if (repository.archived) return failure(403, "Repository was archived so is read-only.");
  const body = parseObject(call.body);
  if (!body) return failure(400, "Problems parsing JSON");
  const problem = problemOf(body);
  if (problem) return failure(422, problem);
  // Seen on workflow dispatches; what GitHub says to this kind of event is not documented.
  if (repository.actionsDisabled) return failure(422, "Actions has been disabled for this repository.");
  const { event_type, client_payload = {} } = body;
  world.accept(repository, event_type as string, client_payload as Record<string, unknown>, call.token);
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

/** The workflow files of the default branch. While Actions is disabled there are none: GitHub does not document it. */
export const listWorkflows: RepositoryHandler = (repository, call, world) => {
  const files = repository.list(FOLDER, repository.defaultBranch).filter(({ path }) => /\.ya?ml$/.test(path));
  const all = repository.actionsDisabled ? [] : files;
  const { items, headers } = pageOf(all, call, world);
  const workflows = items.map(({ path, file }) => workflowJson(repository, world, path, file?.bytes.toString() ?? ""));
  return { status: 200, headers, json: { total_count: all.length, workflows } };
};

function workflowJson(
  { fullName, defaultBranch, workflowStates }: Repository,
  { base }: World,
  path: string,
  text: string,
) {
  const id = Number.parseInt(Buffer.from(path).toString("hex").slice(-8), 16);
  return {
    id,
    node_id: `W_${id}`,
    name: /^name:\s*["']?(.*?)["']?\s*$/m.exec(text)?.[1] ?? path,
    path,
    state: workflowStates.get(path) ?? "active",
    created_at: "2026-01-01T00:00:00.000Z",
    updated_at: "2026-01-01T00:00:00.000Z",
    url: `${base}/repos/${fullName}/actions/workflows/${id}`,
    html_url: `https://github.com/${fullName}/blob/${defaultBranch}/${path}`,
    badge_url: `https://github.com/${fullName}/workflows/${id}/badge.svg`,
  };
}

/** GitHub's bound: https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event */
const MAX_INPUTS = 25;

let lastRun = 30_433_642;

/** Starts a workflow that is a file of the repository and listens to `workflow_dispatch`. */
export const startWorkflow: RepositoryHandler = (repository, call, { base }, [name = ""]) => {
  const { ref, inputs = {}, return_run_details: details } = parseObject(call.body) ?? {};
  if (typeof ref !== "string") return failure(422, `Invalid request.\n\n"ref" wasn't supplied.`);
  if (!repository.hasRef(ref)) return failure(422, `No ref found for: ${ref}`);
  const file = repository.file(`${FOLDER}/${name}`, ref);
  if (!file) return failure(404, "Not Found");
  if (!file.bytes.includes("workflow_dispatch")) {
    return failure(422, "Workflow does not have 'workflow_dispatch' trigger");
  }
  if (Object.keys(inputs as object).length > MAX_INPUTS) {
    return failure(422, `Invalid request.\n\nAt most ${MAX_INPUTS} inputs.`);
  }
  // An Enterprise Server does not know how to tell of the run.
  if (!details || base.endsWith("/api/v3")) return { status: 204 };
  const id = ++lastRun;
  const run = `${repository.fullName}/actions/runs/${id}`;
  const urls = { run_url: `${base}/repos/${run}`, html_url: `https://github.com/${run}` };
  return { status: 200, json: { workflow_run_id: id, ...urls } };
};
