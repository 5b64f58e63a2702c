import * as z from "zod";
import { NOTICE_FORMATS } from "../../model/chat.ts";
import { NOTICE_KINDS } from "../../model/notices.ts";
import { shown, unknownNames } from "../../model/problems.ts";
import { variable } from "./credential-fields.ts";

const EXAMPLE = '{ to: "SLACK_DEPLOYS", on: ["failure", "recovery"] }';
const WHAT = `"SLACK_DEPLOYS", ${EXAMPLE}, a list of these, or false`;

/**
 * The field `notify`. Each part is checked as what it is: a union would report for each that it is none of the others.
 */
export function notifyField() {
  return z.unknown().superRefine((given, context) => {
    if (given === false) return;
    const all = Array.isArray(given) ? given : [given];
    if (all.length === 0) context.addIssue(`expected ${WHAT}, got an empty list: write false for no notices`);
    for (const [at, each] of all.entries()) {
      const path = Array.isArray(given) ? [at] : [];
      for (const [field, message] of problemsOf(each)) {
        context.addIssue({ code: "custom", path: [...path, ...field], message });
      }
    }
  });
}

function problemsOf(given: unknown): readonly (readonly [path: readonly PropertyKey[], message: string])[] {
  if (typeof given !== "string" && (typeof given !== "object" || given === null))
    return [[[], `expected ${WHAT}, got ${shown(given)}`]];
  const parsed = (typeof given === "string" ? receiver() : long()).safeParse(given);
  return (parsed.error?.issues ?? []).map(({ path, message }) => [path, message] as const);
}

function long() {
  const shape = {
    to: receiver(),
    on: z.array(oneOf(NOTICE_KINDS), listed(NOTICE_KINDS)).min(1, listed(NOTICE_KINDS)).optional(),
    as: oneOf(NOTICE_FORMATS).optional(),
  };
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? unknownNames("field", issue.keys, Object.keys(shape))
        : `expected ${WHAT}, got ${shown(issue.input)}`,
  });
}

/** The address of a webhook is a secret, so the workflow contains the name of a variable. */
function receiver() {
  const name = variable();
  return z.unknown().superRefine((given, context) => {
    const isAddress = typeof given === "string" && /:\/\//.test(given);
    const message = isAddress
      ? "expected the name of a variable that holds the address, not the address itself"
      : name.safeParse(given).error?.issues[0]?.message;
    if (message !== undefined) context.addIssue(message);
  });
}

const quoted = (words: readonly string[]) => words.map((each) => `"${each}"`).join(", ");

function oneOf(words: readonly string[]) {
  return z.enum(words as [string, ...string[]], {
    error: ({ input }) => `expected one of ${quoted(words)}, got ${shown(input)}`,
  });
}

function listed(words: readonly string[]) {
  return {
    error: ({ input }: { input?: unknown }) => `expected a list with some of ${quoted(words)}, got ${shown(input)}`,
  };
}
