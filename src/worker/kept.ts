import { PermanentFailure } from "../model/failure.ts";
import type { NewRun } from "../model/new-run.ts";
import type { Json, Outcome } from "../model/run.ts";
import type { Secrets } from "../model/secrets.ts";

/** What keeps tokens out of the history. */
export type Keeping = Pick<Secrets, "scrub" | "scrubCertain" | "scrubAll" | "brief" | "withoutTokens">;

/**
 * What the history keeps of an event, which is also what its workflow is given, in every attempt. One that was told from
 * others by a token no longer is: it is always taken for a new one.
 * @param own the token that it came with.
 */
export function keptEvent(event: NewRun, { withoutTokens, brief }: Keeping, own: readonly string[]): NewRun {
  const { input, group, title, event: identity } = event;
  return {
    ...event,
    ...(title !== undefined && { title: brief(withoutTokens(title, own), MAX_TITLE_CHARACTERS).replace(/\s+/g, " ") }),
    input: withoutTokens(input, own),
    group: withoutTokens(group, own),
    event: withoutTokens(identity, own) === identity ? identity : undefined,
  };
}

/** With the sign that there is more: 200. */
const MAX_TITLE_CHARACTERS = 199;

/**
 * What the history keeps of how an attempt ended, which is also what callers are told.
 * @param known what else the run has that is nobody else's to know.
 */
export function keptOutcome(outcome: Outcome, keeping: Keeping, known: readonly string[]): Outcome {
  return outcome.status === "success"
    ? { ...outcome, outputs: keeping.withoutTokens(outcome.outputs, known) }
    : { ...outcome, reason: keptReason(outcome.reason, keeping), ...keptStack(outcome, keeping) };
}

/** Enough for the frames of a workflow and of what it calls. */
const MAX_STACK_CHARACTERS = 4000;
const MAX_LINE_CHARACTERS = 500;

function keptStack(outcome: Outcome, keeping: Pick<Keeping, "scrub">): { stack?: readonly string[] } {
  if (outcome.status !== "failure" || outcome.stack === undefined) return {};
  return { stack: keptFrames(outcome.stack, keeping) };
}

/** What the history keeps of the lines of a stack. */
export function keptFrames(stack: readonly string[], { scrub }: Pick<Keeping, "scrub">): readonly string[] {
  let length = 0;
  const lines = stack.map((text) => {
    // A secret may have line breaks.
    const line = scrub(text).replace(/\s*[\r\n]\s*/g, " ");
    return line.length > MAX_LINE_CHARACTERS ? `${line.slice(0, MAX_LINE_CHARACTERS).toWellFormed()}…` : line;
  });
  return lines.filter((line) => {
    length += line.length + 1;
    return length <= MAX_STACK_CHARACTERS;
  });
}

/**
 * What the history keeps of a value: its JSON, which is also what a later attempt gets.
 * @param maxCharacters of that JSON. More would be carried through the log, the database and every list of runs.
 * @throws Error that says why it cannot be kept.
 */
export function keptJson(value: unknown, maxCharacters: number): Json {
  // For a function there is none, whatever the type says.
  const text = JSON.stringify(value ?? null) as string | undefined;
  if (text === undefined) throw new Error(`it is a ${typeof value}`);
  if (text.length > maxCharacters) {
    throw new Error(`it has ${text.length} characters, at most ${maxCharacters} are kept`);
  }
  return JSON.parse(text) as Json;
}

/** As much as GitHub Actions takes for an output, in characters of JSON. */
const MAX_RESULT_CHARACTERS = 1_000_000;

/**
 * The result of a step or wait as the history keeps it, so that the first attempt gets what later ones would.
 * @throws PermanentFailure
 */
export function keptResult(result: unknown, of: string): Json | undefined {
  if (result === undefined) return undefined;
  try {
    return keptJson(result, MAX_RESULT_CHARACTERS);
  } catch (cause) {
    throw new PermanentFailure({
      tried: `keeping the result of ${of}`,
      happened: `it cannot be kept as JSON: ${(cause as Error).message}`,
      remedy: "Return only what later steps need of it.",
      cause,
    });
  }
}

/** Longer reasons are no reasons, but data. */
const MAX_REASON_CHARACTERS = 4000;

/** The end of a reason says what to do, and no name or answer before it may push that out. */
const MAX_END_CHARACTERS = 1000;

/** What the history keeps of the text of an error, in characters of UTF-16. */
export function keptReason(text: string, { scrub }: Pick<Keeping, "scrub">): string {
  const clean = scrub(text);
  if (clean.length <= MAX_REASON_CHARACTERS) return clean;
  const start = clean.slice(0, MAX_REASON_CHARACTERS - MAX_END_CHARACTERS);
  return `${start.toWellFormed()}…${clean.slice(-MAX_END_CHARACTERS).toWellFormed()}`;
}
