import type { Json } from "../model/run.ts";

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

/** Longer reasons are no reasons, but data. */
const MAX_REASON_CHARACTERS = 4000;

/** What the history keeps of the text of an error, in characters of UTF-16. */
export function keptReason(text: string): string {
  return text.length > MAX_REASON_CHARACTERS ? `${text.slice(0, MAX_REASON_CHARACTERS).toWellFormed()}…` : text;
}
