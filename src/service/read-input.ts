import type { Json } from "../model/run.ts";
import type { Secrets } from "../model/secrets.ts";
import type { Start } from "../model/start.ts";
import type { Schema } from "../model/triggers.ts";

type Problems = Extract<Start, { status: "rejected" }>["problems"];

/** A stored input, or all of its problems. */
export type ReadInput = { readonly input: Json } | { readonly problems: Problems };

/**
 * Parses an input with a workflow's schema, which may throw or return a value that cannot be stored.
 * @returns the stored input, and the value that the schema returned.
 */
export function readWith(
  schema: Schema<unknown>,
  given: unknown,
): { readonly input: Json; readonly data: unknown } | { readonly problems: Problems } {
  try {
    const parsed = schema.safeParse(given);
    if (!parsed.success) {
      return { problems: parsed.error.issues.map(({ path, message }) => ({ field: path.join("."), message })) };
    }
    const kept = JSON.stringify(parsed.data);
    return kept === undefined ? wrong(NOT_JSON) : { input: JSON.parse(kept) as Json, data: parsed.data };
  } catch (error) {
    const { message } = error as Error;
    return wrong(`cannot be read, because the workflow's schema threw an error (${message}): fix it in the workflow`);
  }
}

const NOT_JSON = "become something that is not JSON in the workflow's schema: fix it in the workflow";

/** A problem with the whole input. */
export function wrong(message: string): { readonly problems: Problems } {
  return { problems: [{ field: "", message }] };
}

/** Longer paths are cut. */
const MAX_PLACE_CHARACTERS = 200;

/** The problem with a token in an input, and what to do instead; undefined without a token. */
export function tokenProblem(
  input: Json,
  { tokenIn, brief }: Pick<Secrets, "tokenIn" | "brief">,
  remedy: string,
): Problems[number] | undefined {
  const place = tokenIn(input);
  if (place === undefined) return undefined;
  const message = `contains a token, and gh-runner stores what starts a run: ${remedy}`;
  return { field: brief(place, MAX_PLACE_CHARACTERS), message };
}
