import type { Json } from "../model/run.ts";
import type { Ask } from "./client.ts";
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
  await ask(
    { tried: `dispatching ${eventType} to ${repository}`, repository, permission: "Contents: write" },
    "POST /repos/{owner}/{repo}/dispatches",
    { ...ownerAndName(repository), event_type: eventType, client_payload: payload },
    [204],
  );
}
