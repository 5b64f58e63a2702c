import type { Context } from "hono";
import type { Json } from "../model/run.ts";
import type { Tried } from "./form.ts";
import { type Field, filledIn } from "./schema-fields.ts";

/** The fields of a submitted form. Undefined if it is too long or its length is unknown. */
export async function sentForm(c: Context, maxBytes: number): Promise<URLSearchParams | undefined> {
  if (!(Number(c.req.header("content-length") ?? Number.NaN) <= maxBytes)) return undefined;
  // If the client disconnected during the request, the form counts as empty.
  return new URLSearchParams(await c.req.text().catch(() => ""));
}

/** Enough for a form with a large input. */
const MAX_INPUT_BYTES = 1_048_576;

/**
 * The value of a submitted form, and its problems so far.
 * @param scrub removes tokens from texts that are shown again.
 */
export async function sentValue(
  c: Context,
  fields: readonly Field[],
  scrub: (text: string) => string,
): Promise<Tried & { readonly value: Json }> {
  const form = await sentForm(c, MAX_INPUT_BYTES);
  if (!form) {
    const message = `the form is larger than ${MAX_INPUT_BYTES} bytes: use the API`;
    return { value: null, entered: () => undefined, problems: [{ field: "", message }] };
  }
  const entered = (name: string) => form.get(name) ?? undefined;
  const shown = (name: string) => scrub(form.get(name) ?? "");
  return { entered: shown, ...filledIn(fields, entered) };
}
