import { at, eventFacts } from "./event-facts.ts";
import { isCommitHash } from "./github-names.ts";
import type { Json, Run, Step } from "./run.ts";

/** A run of the same workflow and group that succeeded before another one, from `RunStore.lastSuccess`. */
export type LastSuccess = Pick<Run, "id" | "trigger" | "outputs"> & {
  /** Epoch milliseconds. */
  readonly endedAt: number;
  /** Undefined if it has more than 64 KiB. */
  readonly input: Json | undefined;
  /** The version of the workflow's code when it succeeded, see `Attempt`. */
  readonly code: string | undefined;
  /** The code version of the latest attempt of the other run. */
  readonly codeNow: string | undefined;
};

/** A difference from the last success: `code`, `commit`, or a field such as `inputs.region`. Values are shortened. */
type Change = { readonly what: string; readonly from: string | undefined; readonly to: string | undefined };

export type SinceSuccess = {
  readonly run: string;
  /** When it ended, epoch milliseconds. */
  readonly at: number;
  readonly changes: readonly Change[];
  /** What was compared and is the same. */
  readonly same: readonly ("code" | "commit" | "input")[];
};

/** With more fields, everything differs. */
const MAX_FIELDS = 5;

/**
 * What changed between the last success and a run of the same workflow and group.
 * @param steps of the run: a step's result may have the commit.
 */
export function sinceSuccess(
  run: Pick<Run, "trigger" | "input" | "outputs">,
  last: LastSuccess,
  steps: readonly Step[] = [],
): SinceSuccess {
  const { code, codeNow } = last;
  const [before, now] = [commitOf(last), commitOf(run, steps)];
  const fields = last.input === undefined ? [] : fieldChanges(run, { ...last, input: last.input });
  const changed = (what: string, from: string | undefined, to: string | undefined) =>
    from !== undefined && to !== undefined && from !== to ? [{ what, from: cut(from), to: cut(to) }] : [];
  const isSame = (from: unknown, to: unknown) => from !== undefined && from === to;
  return {
    run: last.id,
    at: last.endedAt,
    changes: [...changed("code", code, codeNow), ...changed("commit", before, now), ...fields.slice(0, MAX_FIELDS)],
    same: [
      ...(isSame(code, codeNow) ? (["code"] as const) : []),
      ...(isSame(before, now) ? (["commit"] as const) : []),
      ...(last.input !== undefined && fields.length === 0 ? (["input"] as const) : []),
    ],
  };
}

/** `Since then: the code changed from 1a2b to 3c4d, the commit changed from … to ….`, as one sentence. */
export function changesText({ changes, same }: Pick<SinceSuccess, "changes" | "same">): string {
  if (changes.length > 0) return `Since then: ${changes.map(changeText).join(", ")}.`;
  return same.length === 0 ? "" : `Since then the ${listed(same)} ${same.length === 1 ? "is" : "are"} the same.`;
}

function changeText({ what, from, to }: Change): string {
  const name = what === "code" || what === "commit" ? `the ${what}` : what;
  if (from === undefined) return `${name} was added (${to})`;
  return to === undefined ? `${name} was removed (${from})` : `${name} changed from ${from} to ${to}`;
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** The commit of a run, if it has one. */
function commitOf(
  { trigger, input, outputs }: Pick<Run, "trigger" | "outputs"> & { readonly input: Json | undefined },
  steps: readonly Step[] = [],
): string | undefined {
  const ofEvent = trigger === "github" ? factsOf(input).sha : undefined;
  const ofSteps = steps.map(({ result }) => at(result, "commitHash")).findLast((found) => found !== undefined);
  const found = [at(outputs, "commitHash"), ofSteps, ofEvent, at(input, "commit"), at(input, "commitHash")];
  return found.find((each): each is string => typeof each === "string" && each !== "");
}

const factsOf = (input: Json | undefined) =>
  eventFacts({ name: String(at(input, "name")), payload: at(input, "payload") });

type Given = Pick<Run, "trigger" | "input">;

/** The fields of the events of both runs that a person chose, or that say what the run is about. */
function fieldChanges(now: Given, before: Given): readonly Change[] {
  if (now.trigger !== before.trigger) return [{ what: "the trigger", from: before.trigger, to: now.trigger }];
  const [from, to] = [fieldsOf(before), fieldsOf(now)];
  const names = [...new Set([...from.keys(), ...to.keys()])];
  return names
    .filter((name) => from.get(name) !== to.get(name))
    .map((name) => ({ what: name, from: shown(from.get(name)), to: shown(to.get(name)) }));
}

/** Each field's JSON by its name. Times and delivery numbers always differ, so they are left out. */
function fieldsOf({ trigger, input }: Given): ReadonlyMap<string, string> {
  if (trigger === "schedule") return new Map();
  if (trigger === "github") {
    const { repository, issue } = factsOf(input);
    const action = at(input, "payload", "action");
    return entriesOf({
      event: [at(input, "name"), action].filter((each) => typeof each === "string").join("."),
      repository,
      number: issue,
      branch: at(input, "payload", "ref") ?? at(input, "payload", "pull_request", "head", "ref"),
      sender: at(input, "payload", "sender", "login"),
    });
  }
  if (trigger === "flux") return entriesOf({ reason: at(input, "reason"), severity: at(input, "severity") });
  const place = trigger === "http" ? "body" : "inputs";
  const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
  if (!isObject) return entriesOf({ [place]: input });
  const { commit, commitHash, ...rest } = input as Readonly<Record<string, Json>>;
  return entriesOf(Object.fromEntries(Object.entries(rest).map(([name, value]) => [`${place}.${name}`, value])));
}

function entriesOf(fields: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const found = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[cut(name), canonical(value)] as const],
  );
  return new Map(found);
}

/** JSON without a meaning in the order of keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each !== "object" || each === null || Array.isArray(each)) return each;
    return Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** A text without quotes; any other value as JSON. */
function shown(json: string | undefined): string | undefined {
  if (json === undefined) return undefined;
  return cut(json.startsWith('"') ? (JSON.parse(json) as string) : json);
}

/** A commit is shortened like at GitHub, any other value to one line. */
const MAX_VALUE_CHARACTERS = 60;

function cut(text: string): string {
  if (isCommitHash(text)) return text.slice(0, 7);
  return text.length <= MAX_VALUE_CHARACTERS ? text : `${text.slice(0, MAX_VALUE_CHARACTERS).toWellFormed()}…`;
}
