import { nearestName } from "../../model/nearest-name.ts";
import type { Workflow } from "../../model/workflow.ts";
import { shown } from "./field-problems.ts";
import described from "./webhooks.json" with { type: "json" };

/** The events of all of GitHub's editions, each with its actions. */
const ACTIONS = new Map(Object.entries(described.webhooks));

/** Events and actions that GitHub does not describe: probably misspelt, unless GitHub is newer than this version. */
export function webhookNameWarnings({ events, actions = [] }: NonNullable<Workflow["on"]["github"]>): string[] {
  const meant: string[] = [];
  const warnings: string[] = [];
  for (const event of ([] as string[]).concat(events)) {
    const near = ACTIONS.has(event) ? event : nearestName(event, [...ACTIONS.keys()]);
    if (near !== undefined) meant.push(near);
    if (near === event) continue;
    warnings.push(`on.github.events: no event ${shown(event)} of GitHub is known: ${instead(near, SEE)}`);
  }
  // The sender of a repository_dispatch makes its action up.
  if (meant.length === 0 || meant.includes("repository_dispatch")) return warnings;
  const known = [...new Set(meant.flatMap((event) => ACTIONS.get(event)?.split(" ") ?? []))].filter(Boolean);
  const all = known.length === 0 ? "it comes without one" : `known are ${known.join(", ")}`;
  for (const action of actions as readonly string[]) {
    if (known.includes(action)) continue;
    const near = nearestName(action, known);
    const of = meant.join(" or ");
    warnings.push(`on.github.actions: no action ${shown(action)} of ${of} is known: ${instead(near, all)}`);
  }
  return warnings;
}

const SEE = "see https://docs.github.com/en/webhooks/webhook-events-and-payloads";

function instead(near: string | undefined, otherwise: string): string {
  return near === undefined ? otherwise : `is ${shown(near)} meant?`;
}
