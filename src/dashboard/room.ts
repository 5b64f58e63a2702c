import type { Html } from "./layout.ts";

/** The size of a part of a page in bytes. Parts contain no promises, so the text is available immediately. */
export const sizeOf = (part: Html): number => Buffer.byteLength(String(part));

/**
 * As many parts as fit, starting with the last, which are the newest. They are returned in their order.
 * @param isWanted parts that are chosen first if not all fit.
 */
export function fitting<Part>(
  parts: readonly Part[],
  bytes: number,
  render: (part: Part) => Html,
  isWanted: (part: Part) => boolean = () => false,
): { readonly shown: readonly Html[]; readonly left: number } {
  const made = new Map<number, Html>();
  let room = bytes;
  for (const wanted of [true, false]) {
    for (let at = parts.length - 1; at >= 0; at--) {
      const part = parts[at] as Part;
      if (isWanted(part) !== wanted) continue;
      const html = render(part);
      room -= sizeOf(html);
      if (room < 0) break;
      made.set(at, html);
    }
  }
  const shown = [...made].toSorted(([one], [other]) => one - other).map(([, html]) => html);
  return { shown, left: parts.length - shown.length };
}

/** How many bytes escaping adds to a character: `&quot;` instead of `"`. */
const ADDED: Readonly<Record<string, number>> = { "&": 4, "<": 3, ">": 3, '"': 5, "'": 4 };

/** Cuts a text to a number of bytes, counted as escaped HTML. Adds … if it was cut. */
export function clipped(text: string, bytes: number): string {
  let room = bytes;
  let at = 0;
  for (const character of text) {
    room -= (ADDED[character] ?? 0) + Buffer.byteLength(character);
    if (room < 0) return `${text.slice(0, at)}…`;
    at += character.length;
  }
  return text;
}
