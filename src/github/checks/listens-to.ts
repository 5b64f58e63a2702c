import { FAILSAFE_SCHEMA, loadAll } from "js-yaml";

/**
 * The types of `repository_dispatch` that a workflow file listens to; "all" when it names none; empty when it does not
 * listen to the event. With the failsafe schema `on` is no boolean.
 * @throws YAMLException when the file is no YAML.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#repository_dispatch
 */
export function dispatchTypesOf(yaml: string): "all" | readonly string[] {
  const file = loadAll(yaml, { schema: FAILSAFE_SCHEMA })[0];
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
