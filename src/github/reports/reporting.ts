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

/** Whether GitHub would show the same: it may give a text back with other line ends, and without the white space around it. */
export function isSameText(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => text.replaceAll("\r\n", "\n").trim());
  return a === b;
}

/** The text without secrets, in so many characters, the sign that there are more included. */
export function within(brief: Brief, text: string, most: number): string {
  const all = brief(text, most);
  return all.length <= most ? all : brief(text, most - 1);
}
