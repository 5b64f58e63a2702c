import { isFailure } from "../../model/failure.ts";
import type { Brief } from "../answer.ts";
import type { Asking } from "../ask.ts";

/** What is needed to write reports. */
export type Reporting = Pick<Asking, "ask" | "lookAgain"> & { readonly brief: Brief };

/**
 * Creates something that must exist only once, after nothing was found. After a lost answer it looks for it and never
 * creates it again here, because GitHub may show it later. The next attempt of the run looks first.
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

/** Whether GitHub would show the same text: it may change line endings and remove white space around the text. */
export function isSameText(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => text.replaceAll("\r\n", "\n").trim());
  return a === b;
}

/** The text without secrets, cut to `most` characters with a mark if it is longer. */
export function within(brief: Brief, text: string, most: number): string {
  const all = brief(text, most);
  return all.length <= most ? all : brief(text, most - 1);
}
