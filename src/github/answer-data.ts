import { PermanentFailure } from "../model/failure.ts";
import { hasTooManyValues, MAX_VALUES } from "../model/json-values.ts";
import type { Answer } from "./answer.ts";
import type { Attempted } from "./failures.ts";

/** The JSON of an answer; undefined when it has no body, text when it is no JSON. */
export function dataOf({ bytes, headers, status }: Answer, attempted: Attempted): unknown {
  if (bytes.byteLength === 0) return undefined;
  const isJson = /\bjson\b/i.test(headers["content-type"] ?? "") && !/\braw\b/i.test(headers["content-type"] ?? "");
  if (isJson && hasTooManyValues(bytes)) throw tooManyValues(attempted);
  const text = new TextDecoder().decode(bytes);
  if (!isJson) return text;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PermanentFailure({
      tried: attempted.tried,
      happened: `GitHub answered ${status} with text that is not JSON`,
      remedy: "This is not how GitHub answers: check GITHUB_API_URL and any proxy in between.",
      cause,
    });
  }
}

export function tooManyValues({ tried }: Attempted): PermanentFailure {
  return new PermanentFailure({
    tried,
    happened: `the answer holds more than ${MAX_VALUES} values, for which the service's heap has no room`,
    remedy: "Ask for less at once, such as with a smaller per_page, or give Node a larger heap.",
  });
}
