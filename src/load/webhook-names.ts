import type { Workflow } from "../model/workflow.ts";
import { shown } from "./field-problems.ts";
import { WEBHOOKS } from "./webhooks.ts";

const actionsOf: Readonly<Record<string, string>> = WEBHOOKS;

/** Events and actions that GitHub does not describe: probably misspelt, unless GitHub is newer than this version. */
export function webhookNameWarnings({ events, actions }: NonNullable<Workflow["on"]["github"]>): string[] {
  const meant: string[] = [];
  const warnings: string[] = [];
  for (const event of ([] as string[]).concat(events)) {
    const near = Object.hasOwn(actionsOf, event) ? event : nearest(event, Object.keys(actionsOf));
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
    const near = nearest(action, described);
    const of = meant.join(" or ");
    warnings.push(`on.github.actions: no action ${shown(action)} of ${of} is known: ${instead(near, all)}`);
  }
  return warnings;
}

const SEE = "see https://docs.github.com/en/webhooks/webhook-events-and-payloads";

function instead(near: string | undefined, otherwise: string): string {
  return near === undefined ? otherwise : `is ${shown(near)} meant?`;
}

/** What a slip of the keyboard makes of a name is within so many edits of it. */
const MAX_EDITS = 3;

function nearest(name: string, known: readonly string[]): string | undefined {
  const written = name.slice(0, 80).toLowerCase();
  const [best] = known
    .filter((each) => Math.abs(each.length - written.length) <= MAX_EDITS)
    .map((each) => ({ each, edits: editsBetween(written, each) }))
    .filter(({ each, edits }) => edits <= MAX_EDITS && edits < each.length / 2)
    .sort((a, b) => a.edits - b.edits);
  return best?.each;
}

/** How many characters to insert, delete or replace (Levenshtein). */
function editsBetween(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let row = 0; row < a.length; row++) {
    const line = [row + 1];
    for (let at = 0; at < b.length; at++) {
      const replaced = (above[at] ?? 0) + (a[row] === b[at] ? 0 : 1);
      line.push(Math.min(replaced, (above[at + 1] ?? 0) + 1, (line[at] ?? 0) + 1));
    }
    above = line;
  }
  return above[b.length] ?? 0;
}
