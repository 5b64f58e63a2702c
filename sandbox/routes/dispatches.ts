import type { Repository } from "../repository.ts";
import { type Call, failure, parseObject, type Reply, type World } from "./reply.ts";

/** GitHub's bounds: https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event */
const MAX_EVENT_TYPE_CHARACTERS = 100;
const MAX_PAYLOAD_PROPERTIES = 10;
const MAX_PAYLOAD_BYTES = 65_535;

export function dispatch(repository: Repository, call: Call, world: World): Reply {
  if (repository.archived) return failure(403, "Repository was archived so is read-only.");
  const body = parseObject(call.body);
  if (!body) return failure(400, "Problems parsing JSON");
  const { event_type: eventType, client_payload: payload = {}, ...unknown } = body;
  const [extra] = Object.keys(unknown);
  const problem =
    eventType === undefined
      ? `Invalid request.\n\n"event_type" wasn't supplied.`
      : typeof eventType !== "string"
        ? `Invalid request.\n\nFor 'properties/event_type', ${JSON.stringify(eventType)} is not a string.`
        : eventType.length < 1 || eventType.length > MAX_EVENT_TYPE_CHARACTERS
          ? `Invalid request.\n\nevent_type must be 1 to ${MAX_EVENT_TYPE_CHARACTERS} characters, got ${eventType.length}.`
          : typeof payload !== "object" || payload === null || Array.isArray(payload)
            ? `Invalid request.\n\nFor 'properties/client_payload', ${JSON.stringify(payload)} is not an object.`
            : Object.keys(payload).length > MAX_PAYLOAD_PROPERTIES
              ? `Invalid request.\n\nNo more than ${MAX_PAYLOAD_PROPERTIES} properties are allowed; ${Object.keys(payload).length} were supplied.`
              : Buffer.byteLength(JSON.stringify(payload)) > MAX_PAYLOAD_BYTES
                ? "client_payload is too large."
                : extra !== undefined
                  ? `Invalid request.\n\n"${extra}" is not a permitted key.`
                  : undefined;
  if (problem) return failure(422, problem);
  // Seen on workflow dispatches; what GitHub says to this kind of event is not documented.
  if (repository.actionsDisabled) return failure(422, "Actions has been disabled for this repository.");
  world.accept(repository, eventType as string, payload as Record<string, unknown>, call.token);
  return { status: 204 };
}
