import { nearestName } from "./nearest-name.ts";

/** The problems of some input, as a zod schema reports them. */
type Problems = { readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] };

/**
 * All problems, each with its place: `application must be a string`.
 * @param whole the name of the input itself.
 */
export function problemsIn(
  { issues }: Problems,
  { whole, separator = " " }: { whole: string; separator?: string },
): string[] {
  return issues.map(({ path, message }) => `${path.join(".") || whole}${separator}${message}`);
}

/** Messages for unknown names, each with the one that was probably meant. */
export function unknownNames(what: string, names: readonly string[], known: readonly string[]): string {
  return names
    .map((name) => {
      const near = nearestName(name, known);
      return `there is no ${what} ${name}: ${near === undefined ? `use one of ${known.join(", ")}` : `did you mean ${near}?`}`;
    })
    .join("; ");
}

/** The full text or none of it: the first half of a token would not be recognised as a token. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "function") return "a function";
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= MAX_SHOWN_CHARACTERS ? text : `JSON of ${text.length} characters`;
}

const MAX_SHOWN_CHARACTERS = 100;
