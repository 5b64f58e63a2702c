import { nearestName } from "../../model/nearest-name.ts";
import type { Workflow } from "../../model/workflow.ts";
import { shown } from "./field-problems.ts";
import { WEBHOOKS } from "./webhooks.ts";

const actionsOf: Readonly<Record<string, string>> = WEBHOOKS;

/** Events and actions that GitHub does not describe: probably misspelt, unless GitHub is newer than this version. */
export function webhookNameWarnings({ events, actions }: NonNullable<Workflow["on"]["github"]>): string[] {
  const meant: string[] = [];
  const warnings: string[] = [];
  for (const event of ([] as string[]).concat(events)) {
    const near = Object.hasOwn(actionsOf, event) ? event : nearestName(event, Object.keys(actionsOf));
    if (near !== undefined) meant.push(near);
    if (near !== event) {
      warnings.push(`on.github.events: no event ${shown(event)} of GitHub is known: ${instead(near, SEE)}`);
    }
  }
  const known = meant.flatMap((event) => actionsOf[event]?.split(" ") ?? []);
  if (meant.length === 0 || known.includes("*")) return warnings;
  const described = [...new Set(known)].filter((action) => action !== "");
  for (const action of (actions ?? []) as readonly string[]) {
    if (described.includes(action)) continue;
    const all = described.length === 0 ? "it comes without one" : `known are ${described.join(", ")}`;
    const near = nearestName(action, described);
    const of = meant.join(" or ");
    warnings.push(`on.github.actions: no action ${shown(action)} of ${of} is known: ${instead(near, all)}`);
  }
  return warnings;
}

const SEE = "see https://docs.github.com/en/webhooks/webhook-events-and-payloads";

function instead(near: string | undefined, otherwise: string): string {
  return near === undefined ? otherwise : `is ${shown(near)} meant?`;
}
