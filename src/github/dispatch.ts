import { PermanentFailure } from "../model/failure.ts";
import type { Json } from "../model/run.ts";
import type { Ask } from "./ask.ts";
import { ownerAndName } from "./files.ts";

/**
 * Sends a `repository_dispatch` event. Only 204 says that GitHub has accepted it.
 * @see https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event
 */
export async function dispatch(
  ask: Ask,
  repository: string,
  eventType: string,
  payload: { readonly [key: string]: Json },
): Promise<void> {
  const { length } = eventType;
  const tried = `dispatching ${length > MAX_EVENT_TYPE_CHARACTERS ? "an event" : eventType} to ${repository}`;
  requireBounds(tried, eventType, payload);
  await ask(
    { tried, repository, permission: "Contents: write" },
    "POST /repos/{owner}/{repo}/dispatches",
    { ...ownerAndName(repository), event_type: eventType, client_payload: payload },
    [204],
  );
}

/** GitHub's own bounds. Of the payload it says less than 64 KB; nobody outside knows how it counts. */
const MAX_EVENT_TYPE_CHARACTERS = 100;
const MAX_PROPERTIES = 10;
const MAX_PAYLOAD_BYTES = 60_000;

function requireBounds(tried: string, eventType: string, payload: { readonly [key: string]: Json }): void {
  const refuse = (happened: string, remedy: string, about?: "event type") => {
    throw new PermanentFailure({ tried, happened, remedy, ...(about && { about }) });
  };
  const { length } = eventType;
  if (length < 1 || length > MAX_EVENT_TYPE_CHARACTERS) {
    refuse(
      `the event type has ${length} characters`,
      `Use an event type of 1 to ${MAX_EVENT_TYPE_CHARACTERS} characters.`,
      "event type",
    );
  }
  const properties = Object.keys(payload).length;
  if (properties > MAX_PROPERTIES) {
    refuse(
      `the payload has ${properties} properties`,
      `GitHub takes ${MAX_PROPERTIES}: put some of them into one object.`,
    );
  }
  const bytes = Buffer.byteLength(JSON.stringify(payload));
  if (bytes > MAX_PAYLOAD_BYTES) {
    refuse(`the payload has ${bytes} bytes`, `GitHub takes less than 64 KB: send at most ${MAX_PAYLOAD_BYTES} bytes.`);
  }
}
