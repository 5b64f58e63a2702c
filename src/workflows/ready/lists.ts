import type { Check } from "./options.ts";

/** Several names: a list, or text with commas as in an action's file. */
export type Names = string | readonly string[];

/** The names, without the white space and quotation marks around them. */
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

/** Labels, milestones and people are compared without case and accents. */
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

/** A list of labels after removals and additions. Labels that stay keep their place. */
export function changed(
  labels: readonly string[],
  { add = [], remove = [] }: { add?: readonly string[]; remove?: readonly string[] },
): readonly string[] {
  const kept = labels.filter((each) => !has(remove, each) || has(add, each));
  return [...kept, ...add.filter((each, at) => !has(kept, each) && !has(add.slice(0, at), each))];
}
