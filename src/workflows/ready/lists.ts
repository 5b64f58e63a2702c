import type { Check } from "./options.ts";

/** Several names: a list, or text with commas between them, as in the file of an action. */
export type Names = string | readonly string[];

/** The names by themselves, without the white space and the quotation marks around them. */
export function namesIn(given: Names | undefined): readonly string[] {
  const all = typeof given === "string" ? given.split(",") : (given ?? []);
  return all
    .map((each) =>
      each
        .trim()
        .replace(/^(["'])(.+)\1$/, "$2")
        .trim(),
    )
    .filter((each) => each !== "");
}

export const names: Check = (value) =>
  typeof value === "string" || (Array.isArray(value) && value.every((each) => typeof each === "string"))
    ? undefined
    : 'names, such as ["one", "two"] or "one, two"';

/** Labels, milestones and people are the same in any case of their letters, and without their accents. */
export function same(one: string, other: string): boolean {
  return plain(one) === plain(other);
}

/** Whether a list has a name. */
export function has(list: readonly string[], name: string): boolean {
  return list.some((each) => same(each, name));
}

const plain = (name: string) =>
  name
    .toLowerCase()
    .normalize("NFD")
    .replace(/\p{Mn}/gu, "");

/** A list of labels with some fewer and some more; those that stay keep their place. */
export function changed(
  labels: readonly string[],
  { add = [], remove = [] }: { add?: readonly string[]; remove?: readonly string[] },
): readonly string[] {
  const kept = labels.filter((each) => !has(remove, each) || has(add, each));
  return [...kept, ...add.filter((each, at) => !has(kept, each) && !has(add.slice(0, at), each))];
}
