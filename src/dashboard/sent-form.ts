import type { Context } from "hono";
import type { Json } from "../model/run.ts";
import type { Tried } from "./form.ts";
import { type Field, filledIn } from "./schema-fields.ts";

/** What a browser has sent with a form; undefined when it is too long, or its length is not known. */
export async function sentForm(c: Context, maxBytes: number): Promise<URLSearchParams | undefined> {
  if (!(Number(c.req.header("content-length") ?? Number.NaN) <= maxBytes)) return undefined;
  // A client that hung up in the middle has filled in nothing.
  return new URLSearchParams(await c.req.text().catch(() => ""));
}

/** As much as a form with a large input has. */
const MAX_INPUT_BYTES = 1_048_576;

/**
 * The value that was filled in to the fields of a form, and what is wrong with it so far.
 * @param scrub takes tokens out of what is shown again.
 */
export async function sentValue(
  c: Context,
  fields: readonly Field[],
  scrub: (text: string) => string,
): Promise<Tried & { readonly value: Json }> {
  const form = await sentForm(c, MAX_INPUT_BYTES);
  if (!form) {
    const message = `it is larger than a form may be, ${MAX_INPUT_BYTES} bytes: use the API`;
    return { value: null, entered: () => undefined, problems: [{ field: "", message }] };
  }
  const entered = (name: string) => form.get(name) ?? undefined;
  const shown = (name: string) => scrub(form.get(name) ?? "");
  return { entered: shown, ...filledIn(fields, entered) };
}
