import { PermanentFailure } from "../model/failure.ts";
import { hasTooManyValues, MAX_VALUES } from "../model/json-values.ts";
import type { Answer } from "./answer.ts";
import type { Attempted } from "./failures.ts";

/** The JSON of an answer. Undefined if it has no body, text if the body is not JSON. */
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
      remedy: "GitHub does not answer like this: check GITHUB_API_URL and any proxy in between.",
      cause,
    });
  }
}

export function tooManyValues({ tried }: Attempted): PermanentFailure {
  return new PermanentFailure({
    tried,
    happened: `the answer has more than ${MAX_VALUES} values, too many for the service's heap`,
    remedy: "Request less data at a time, for example with a smaller per_page, or give Node a larger heap.",
  });
}
