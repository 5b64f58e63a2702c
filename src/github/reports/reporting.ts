import { isFailure } from "../../model/failure.ts";
import type { Brief } from "../answer.ts";
import type { Asking } from "../ask.ts";

/** What reports are written with. */
export type Reporting = Pick<Asking, "ask" | "lookAgain"> & { readonly brief: Brief };

/**
 * Creates what must be there once, where nothing was found. After a lost answer it is looked for, and never created again
 * here: GitHub may show it later. The next attempt of the run looks first.
 * @param create sends once (`retry: false`).
 */
export async function createOnce<T>(
  { lookAgain }: Pick<Reporting, "lookAgain">,
  create: () => Promise<T>,
  look: () => Promise<T | undefined>,
): Promise<T> {
  try {
    return await create();
  } catch (error) {
    if (!isFailure(error) || error.kind !== "transient" || error.facts.sent === false) throw error;
    const found = await lookAgain(look, () => false);
    if (found === undefined) throw error;
    return found;
  }
}

/** The text without secrets, in so many characters, the sign that there are more included. */
export function within(brief: Brief, text: string, most: number): string {
  const all = brief(text, most);
  return all.length <= most ? all : brief(text, most - 1);
}
