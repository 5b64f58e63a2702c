import { PermanentFailure } from "../model/failure.ts";
import type { NewRun } from "../model/new-run.ts";
import type { Json, Outcome } from "../model/run.ts";
import type { Secrets } from "../model/secrets.ts";

/** Keeps tokens out of the history. */
export type Keeping = Pick<Secrets, "scrub" | "scrubCertain" | "scrubAll" | "brief" | "withoutTokens">;

/**
 * An event as the history keeps it, and as the workflow gets it in every attempt. If its identity contains a token, it
 * loses that identity: then it always counts as a new event.
 * @param tokens the token that the event brought.
 */
export function keptEvent(event: NewRun, { withoutTokens, brief }: Keeping, tokens: readonly string[]): NewRun {
  const { input, group, title, event: identity } = event;
  return {
    ...event,
    ...(title !== undefined && {
      title: brief(withoutTokens(title, tokens), MAX_TITLE_CHARACTERS).replace(/\s+/g, " "),
    }),
    input: withoutTokens(input, tokens),
    group: withoutTokens(group, tokens),
    event: withoutTokens(identity, tokens) === identity ? identity : undefined,
  };
}

/** The "…" makes 200. */
const MAX_TITLE_CHARACTERS = 199;

/**
 * An outcome as the history keeps it, and as callers get it.
 * @param known other secrets of the run.
 */
export function keptOutcome(outcome: Outcome, keeping: Keeping, known: readonly string[]): Outcome {
  return outcome.status === "success"
    ? { ...outcome, outputs: keeping.withoutTokens(outcome.outputs, known) }
    : { ...outcome, reason: keptReason(outcome.reason, keeping), ...keptStack(outcome, keeping) };
}

/** Enough for the frames of a workflow and its calls. */
const MAX_STACK_CHARACTERS = 4000;
const MAX_LINE_CHARACTERS = 500;

function keptStack(outcome: Outcome, keeping: Pick<Keeping, "scrub">): { stack?: readonly string[] } {
  if (outcome.status !== "failure" || outcome.stack === undefined) return {};
  return { stack: keptFrames(outcome.stack, keeping) };
}

/** A stack as the history keeps it. */
export function keptFrames(stack: readonly string[], { scrub }: Pick<Keeping, "scrub">): readonly string[] {
  let length = 0;
  const lines = stack.map((text) => {
    // A secret may contain line breaks.
    const line = scrub(text).replace(/\s*[\r\n]\s*/g, " ");
    return line.length > MAX_LINE_CHARACTERS ? `${line.slice(0, MAX_LINE_CHARACTERS).toWellFormed()}…` : line;
  });
  return lines.filter((line) => {
    length += line.length + 1;
    return length <= MAX_STACK_CHARACTERS;
  });
}

/**
 * A value as the history keeps it: its JSON, which a later attempt gets too.
 * @param maxCharacters of that JSON. More would slow down the log, the database and every list of runs.
 * @throws Error that says why the value cannot be stored.
 */
export function keptJson(value: unknown, maxCharacters: number): Json {
  // A function has no JSON, although the type allows it.
  const text = JSON.stringify(value ?? null) as string | undefined;
  if (text === undefined) throw new Error(`it is a ${typeof value}`);
  if (text.length > maxCharacters) {
    throw new Error(`it has ${text.length} characters, and the limit is ${maxCharacters}`);
  }
  return JSON.parse(text) as Json;
}

/** GitHub Actions' limit for an output, in characters of JSON. */
const MAX_RESULT_CHARACTERS = 1_000_000;

/**
 * The result of a step or wait as the history keeps it, so that the first attempt gets the same value as later ones.
 * @throws PermanentFailure
 */
export function keptResult(result: unknown, of: string): Json | undefined {
  if (result === undefined) return undefined;
  try {
    return keptJson(result, MAX_RESULT_CHARACTERS);
  } catch (cause) {
    throw new PermanentFailure({
      tried: `storing the result of ${of}`,
      happened: `it cannot be stored as JSON: ${(cause as Error).message}`,
      remedy: "Return only what later steps need.",
      cause,
    });
  }
}

/** Longer texts are data, not reasons. */
const MAX_REASON_CHARACTERS = 4000;

/** A reason ends with what to do, so a long name or answer before it must not cut that off. */
const MAX_END_CHARACTERS = 1000;

/** An error's text as the history keeps it, in UTF-16 characters. */
export function keptReason(text: string, { scrub }: Pick<Keeping, "scrub">): string {
  const clean = scrub(text);
  if (clean.length <= MAX_REASON_CHARACTERS) return clean;
  const start = clean.slice(0, MAX_REASON_CHARACTERS - MAX_END_CHARACTERS);
  return `${start.toWellFormed()}…${clean.slice(-MAX_END_CHARACTERS).toWellFormed()}`;
}
