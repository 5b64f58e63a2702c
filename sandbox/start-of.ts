import type { WebhookEvent, WebhookName } from "../src/index.ts";
import type { EventFacts } from "../src/model/event-facts.ts";
import { problemsIn } from "../src/model/problems.ts";
import type { Json } from "../src/model/run.ts";
import { GIVEN_AS, kindsOf, schemaFor, type TriggerKind } from "../src/model/triggers.ts";
import type { Workflow } from "../src/model/workflow.ts";

/** What can start a run, for each kind of trigger. The `actions` of a trigger are not checked. */
export type Starting<Given> = Given extends { trigger: infer Kind extends TriggerKind }
  ? { readonly trigger?: Kind } & (Given extends { event: { name: infer Name extends WebhookName } }
      ? { readonly event: WebhookEvent<Name> }
      : { readonly [Field in keyof Omit<Given, "trigger" | keyof EventFacts>]: BeforeSchema<Given[Field]> })
  : never;

/** The input of a schema, without the fields that have defaults. The schema itself checks required fields. */
type BeforeSchema<Value> = Value extends readonly unknown[] ? Value : Value extends object ? Partial<Value> : Value;

type AnyStart = { trigger?: TriggerKind; body?: unknown; event?: unknown; inputs?: unknown };

/**
 * What starts a run of a workflow, in its stored form.
 * @throws Error that says what is wrong with the given value.
 */
export function startOf({ name, on }: Workflow, given: AnyStart): { trigger: TriggerKind; input: Json } {
  const trigger = triggerIn(name, kindsOf(on), given);
  const input = given[GIVEN_AS[trigger]];
  const schema = schemaFor(on, trigger);
  if (!schema) return { trigger, input: input as Json };
  const parsed = schema.safeParse(input);
  if (parsed.success) return { trigger, input: parsed.data as Json };
  const whole = GIVEN_AS[trigger];
  throw new Error(
    `The workflow rejects ${whole === "inputs" ? "these" : "this"} ${whole}: ${problemsIn(parsed.error, { whole }).join("; ")}`,
  );
}

/** The named trigger, or the only one that takes the given value. */
function triggerIn(name: string, kinds: readonly TriggerKind[], given: AnyStart): TriggerKind {
  const possible = kinds.filter((kind) => GIVEN_AS[kind] in given && (given.trigger ?? kind) === kind);
  const [only, ...others] = possible;
  if (only !== undefined && others.length === 0) return only;
  const remedy =
    others.length > 0 ? `say which with \`trigger\`: ${possible.join(", ")}` : "pass what one of them takes";
  throw new Error(`${name} is started by ${kinds.join(", ")}: ${remedy}.`);
}
