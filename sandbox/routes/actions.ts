import type { ActionsRun } from "../records.ts";
import type { Repository } from "../repository.ts";
import { failure, MADE, notFound, pageOf, parseObject, type RepositoryHandler, userJson, type World } from "./reply.ts";
import { repositoryJson } from "./repositories.ts";

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
export const startWorkflow: RepositoryHandler = (repository, call, { base, endsRuns }, [name = ""]) => {
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
  const id = ++lastRun;
  repository.runs.set(id, {
    ...{ id, path: `${FOLDER}/${name}`, branch: ref, inputs: inputs as Record<string, unknown> },
    ...(endsRuns ? { status: "completed", conclusion: "success" } : { status: "queued", conclusion: null }),
  });
  // An Enterprise Server does not know how to tell of the run.
  if (!details || base.endsWith("/api/v3")) return { status: 204 };
  const run = `${repository.fullName}/actions/runs/${id}`;
  const urls = { run_url: `${base}/repos/${run}`, html_url: `https://github.com/${run}` };
  return { status: 200, json: { workflow_run_id: id, ...urls } };
};

export const showRun: RepositoryHandler = (repository, _call, world, [id]) => {
  const run = repository.runs.get(Number(id));
  return run ? { status: 200, json: runJson(repository, world, run) } : notFound;
};

function runJson(repository: Repository, world: World, { path, branch, inputs: _, ...run }: ActionsRun) {
  const {
    id: workflow_id,
    name,
    url: workflow_url,
    node_id,
  } = workflowJson(repository, world, path, repository.file(path, branch)?.bytes.toString() ?? "");
  const url = `${world.base}/repos/${repository.fullName}/actions/runs/${run.id}`;
  const sha = repository.commitOf(branch) ?? "0".repeat(40);
  const author = { name: "Octo Cat", email: "octocat@github.com" };
  return {
    ...run,
    ...{ name, node_id, path, workflow_id, workflow_url, url, display_title: name, run_attempt: 1 },
    ...{ run_number: 1, event: "workflow_dispatch", head_branch: branch, head_sha: sha, pull_requests: [] },
    html_url: `https://github.com/${repository.fullName}/actions/runs/${run.id}`,
    ...Object.fromEntries(
      ["jobs", "logs", "artifacts", "cancel", "rerun"].map((each) => [`${each}_url`, `${url}/${each}`]),
    ),
    check_suite_url: `${world.base}/repos/${repository.fullName}/check-suites/1`,
    head_commit: { id: sha, tree_id: sha, message: "A commit", timestamp: MADE.created_at, author, committer: author },
    repository: repositoryJson(repository, world.base),
    head_repository: repositoryJson(repository, world.base),
    actor: userJson("octocat"),
    triggering_actor: userJson("octocat"),
    run_started_at: MADE.created_at,
    ...MADE,
  };
}
