import { PermanentFailure } from "../model/failure.ts";
import type { GitHubClient, StartedWorkflow } from "../model/github.ts";
import { ownerAndName } from "../model/github-names.ts";
import { type Answer, jsonOf } from "./answer.ts";
import type { Ask, AskOptions } from "./ask.ts";

type Payload = Parameters<GitHubClient["dispatch"]>[2];

/**
 * Sends a `repository_dispatch` event. Only a 204 means that GitHub has accepted it.
 * @see https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event
 */
export async function dispatch(
  ask: Ask,
  repository: string,
  eventType: string,
  payload: Payload,
  options?: Pick<AskOptions, "retry">,
): Promise<Answer> {
  const tried = `dispatching ${eventType.length > MAX_EVENT_TYPE_CHARACTERS ? "an event" : eventType} to ${repository}`;
  requireBounds(tried, eventType, payload);
  return ask(
    { tried, repository, permission: "Contents: write" },
    "POST /repos/{owner}/{repo}/dispatches",
    { ...ownerAndName(repository), event_type: eventType, client_payload: payload },
    [204],
    options,
  );
}

/** GitHub's bounds. For the payload it states less than 64 KB, but not how it counts. */
const MAX_EVENT_TYPE_CHARACTERS = 100;
const MAX_PROPERTIES = 10;
const MAX_PAYLOAD_BYTES = 60_000;

function requireBounds(tried: string, eventType: string, payload: Payload): void {
  const { length } = eventType;
  if (length < 1 || length > MAX_EVENT_TYPE_CHARACTERS) {
    const happened = `the event type has ${length} characters`;
    const remedy = `Use an event type of 1 to ${MAX_EVENT_TYPE_CHARACTERS} characters.`;
    throw new PermanentFailure({ tried, happened, remedy, about: "event type", sent: false });
  }
  const properties = Object.keys(payload).length;
  if (properties > MAX_PROPERTIES) {
    const remedy = `GitHub accepts ${MAX_PROPERTIES}: combine some of them into one object.`;
    throw new PermanentFailure({ tried, happened: `the payload has ${properties} properties`, remedy, sent: false });
  }
  const bytes = Buffer.byteLength(JSON.stringify(payload));
  if (bytes > MAX_PAYLOAD_BYTES) {
    const remedy = `GitHub accepts less than 64 KB: send at most ${MAX_PAYLOAD_BYTES} bytes.`;
    throw new PermanentFailure({ tried, happened: `the payload has ${bytes} bytes`, remedy, sent: false });
  }
}

/**
 * Starts a workflow. GitHub answers 200 with the run's link if it supports `return_run_details`, and 204 if it ignores
 * the field. If a GitHub rejects the unknown field, the request is sent again without it: Enterprise Server up to 3.20
 * answers 400 (`"return_run_details" is not a permitted key`) or 422.
 * @see https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event
 */
export async function runWorkflow(
  ask: Ask,
  repository: string,
  workflow: string,
  { ref, inputs = {} }: Parameters<GitHubClient["runWorkflow"]>[2],
  options?: Pick<AskOptions, "retry">,
): Promise<{ readonly answer: Answer; readonly started: StartedWorkflow | undefined }> {
  const tried = `starting the workflow ${workflow} of ${repository} at ${ref}`;
  const attempted = { tried, repository, permission: "Actions: write" };
  const route = "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches";
  const parameters = { ...ownerAndName(repository), workflow_id: workflow, ref, inputs };
  const detailed = { ...parameters, return_run_details: true };
  const answer = await ask(attempted, route, detailed, [200, 204, 400, 422], options);
  if (answer.status === 400 || answer.status === 422) {
    return { answer: await ask(attempted, route, parameters, [204], options), started: undefined };
  }
  if (answer.status !== 200) return { answer, started: undefined };
  // The workflow has started, even if this part of the answer cannot be read.
  const { workflow_run_id: id, html_url: htmlUrl } = jsonOf(answer) as Readonly<Record<string, unknown>>;
  return { answer, started: typeof id === "number" && typeof htmlUrl === "string" ? { id, htmlUrl } : undefined };
}
